import { assert } from '../kernel/errors.ts';
import type { Access } from './app.ts';

interface RouteEntry {
  method: string;
  /** As declared: `/v1/repos/:repoKey`. */
  pattern: string;
  access: Access;
}

/** Every route with what it needs of its caller: the one list that checks, documents and tests are made from. */
export interface RouteTable {
  add(method: string, pattern: string, access: Access | undefined): void;
  readonly routes: readonly RouteEntry[];
  /** The methods that some route knows for this path; empty where there is none. */
  methodsFor(path: string): string[];
}

export function createRouteTable(): RouteTable {
  const routes: RouteEntry[] = [];
  const matchers = new Map<string, RegExp>();
  return {
    routes,
    add(method, pattern, access) {
      assert(access !== undefined, `the route ${method} ${pattern} does not declare its access`);
      routes.push({ method, pattern, access });
      matchers.set(pattern, toMatcher(pattern));
    },
    methodsFor(path) {
      const methods = routes.filter(({ pattern }) => matchers.get(pattern)?.test(path)).map(({ method }) => method);
      return [...new Set(methods)].sort();
    },
  };
}

function toMatcher(pattern: string): RegExp {
  const source = pattern
    .split('/')
    .map((segment) =>
      segment.startsWith(':') ? '[^/]+' : segment === '*' ? '.*' : segment.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'),
    )
    .join('/');
  return new RegExp(`^${source}$`);
}
