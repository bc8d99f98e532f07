import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../support/test-server.ts';

let server: TestServer;
let document: Document;

interface Parameter {
  name: string;
  in: string;
  required?: boolean;
  schema?: unknown;
}

interface Operation {
  summary?: string;
  tags?: string[];
  parameters?: Parameter[];
  requestBody?: { content: Record<string, { schema?: unknown }> };
  responses: Record<string, { description?: string }>;
  security?: Record<string, string[]>[];
}

interface Document {
  openapi: string;
  info: { title?: string; version?: string };
  paths: Record<string, Record<string, Operation>>;
  components: Record<string, Record<string, unknown>>;
  security?: Record<string, string[]>[];
  tags: { name: string }[];
}

beforeAll(async () => {
  server = await startTestServer();
  document = (await server.request('GET', '/openapi.json', { token: null })).json;
});

afterAll(() => server.close());

const operations = () =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      name: `${method.toUpperCase()} ${path}`,
      path,
      operation,
    })),
  );

/** `/v1/repos/:repoKey` as the document writes it. */
const documented = (pattern: string) => pattern.replaceAll(/:(\w+)/g, '{$1}').replace(/\*$/, '{*}');

/** Every object of the document, with where it stands. */
function* walk(value: unknown, at = '#'): Generator<{ at: string; node: Record<string, unknown> }> {
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) yield* walk(item, `${at}/${index}`);
  } else if (typeof value === 'object' && value !== null) {
    const node: Record<string, unknown> = { ...value };
    yield { at, node };
    for (const [key, item] of Object.entries(node)) yield* walk(item, `${at}/${key.replaceAll('/', '~1')}`);
  }
}

test('the document names every route of the server but those that show it, and no other', () => {
  const routes = server.running.routeTable.routes.filter(({ pattern }) => !pattern.startsWith('/docs'));
  const asGets = new Set(routes.filter(({ method }) => method === 'GET').map(({ pattern }) => pattern));
  // Every GET has its HEAD (RFC 9110 §9.3.2), which goes without saying.
  const named = routes.filter(({ method, pattern }) => method !== 'HEAD' || !asGets.has(pattern));
  expect(
    operations()
      .map(({ name }) => name)
      .filter((name) => !name.startsWith('HEAD '))
      .sort(),
  ).toEqual(named.map(({ method, pattern }) => `${method} ${documented(pattern)}`).sort());
});

describe('the document is OpenAPI 3.1:', () => {
  test('it says so', () => {
    expect(document.openapi).toMatch(/^3\.1\.\d+$/);
  });

  test('it has a title and a version', () => {
    expect(document.info).toMatchObject({
      title: expect.stringMatching(/\S/),
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
    });
  });

  test('its paths start with a slash, and no two differ only in the names of their parameters', () => {
    const paths = Object.keys(document.paths);
    const shapes = new Set(paths.map((path) => path.replaceAll(/\{[^}]+\}/g, '{}')));
    expect([paths.filter((path) => !path.startsWith('/')), shapes.size]).toEqual([[], paths.length]);
  });

  test('every parameter of a path is declared, required, and only once', () => {
    const wrong = operations().filter(({ path, operation }) => {
      const inPath = [...path.matchAll(/\{([^}]+)\}/g)].map((match) => match[1] ?? '').sort();
      const declared = (operation.parameters ?? []).filter((parameter) => parameter.in === 'path');
      const names = declared.map((parameter) => parameter.name).sort();
      return (
        JSON.stringify(names) !== JSON.stringify(inPath) || declared.some((parameter) => parameter.required !== true)
      );
    });
    expect(wrong.map(({ name }) => name)).toEqual([]);
  });

  test('every parameter has a name, a place and a schema', () => {
    const parameters = operations().flatMap(({ operation }) => operation.parameters ?? []);
    const wrong = parameters.filter(
      (parameter) =>
        !parameter.name || !['path', 'query', 'header'].includes(parameter.in) || parameter.schema === undefined,
    );
    expect(wrong).toEqual([]);
  });

  test('every operation has answers, each under a status and with a description', () => {
    const wrong = operations().filter(({ operation }) => {
      const answers = Object.entries(operation.responses);
      const fine = answers.every(
        ([status, answer]) => /^([1-5]\d\d|[1-5]XX|default)$/.test(status) && typeof answer.description === 'string',
      );
      return answers.length === 0 || !fine;
    });
    expect(wrong.map(({ name }) => name)).toEqual([]);
  });

  test('every reference leads somewhere', () => {
    const lost = [...walk(document)].filter(
      ({ node }) => typeof node.$ref === 'string' && resolve(node.$ref) === undefined,
    );
    expect(lost.map(({ node }) => node.$ref)).toEqual([]);
  });

  test('every type is one of JSON Schema', () => {
    const types = new Set(['string', 'number', 'integer', 'boolean', 'array', 'object', 'null', 'http', 'apiKey']);
    const wrong = [...walk(document)].filter(({ at, node }) => {
      if (at.endsWith('/properties') || node.type === undefined) return false;
      return [node.type].flat().some((type) => typeof type !== 'string' || !types.has(type));
    });
    expect(wrong.map(({ at }) => at)).toEqual([]);
  });

  test('it uses nothing that OpenAPI 3.1 has dropped', () => {
    const wrong = [...walk(document)].filter(
      ({ at, node }) =>
        !at.endsWith('/properties') && ('nullable' in node || typeof node.exclusiveMinimum === 'boolean'),
    );
    expect(wrong.map(({ at }) => at)).toEqual([]);
  });

  test('every pattern is a regular expression', () => {
    const patterns = [...walk(document)]
      .map(({ node }) => node.pattern)
      .filter((pattern) => typeof pattern === 'string');
    expect(() => patterns.map((pattern) => new RegExp(pattern, 'u'))).not.toThrow();
  });

  test('every tag is described', () => {
    const known = document.tags.map((tag) => tag.name);
    const unknown = operations().filter(({ operation }) => !(operation.tags ?? []).every((tag) => known.includes(tag)));
    expect(unknown.map(({ name }) => name)).toEqual([]);
  });

  test('every security requirement names a scheme', () => {
    const schemes = Object.keys(document.components.securitySchemes ?? {});
    const required = [document.security ?? [], ...operations().map(({ operation }) => operation.security ?? [])].flat();
    expect(
      required.flatMap((requirement) => Object.keys(requirement)).filter((name) => !schemes.includes(name)),
    ).toEqual([]);
  });
});

describe('every operation', () => {
  test('has a summary and a tag', () => {
    const bare = operations().filter(({ operation }) => !operation.summary || operation.tags?.length !== 1);
    expect(bare.map(({ name }) => name)).toEqual([]);
  });

  test('that takes JSON describes it', () => {
    const bodies = operations().flatMap(({ name, operation }) =>
      Object.entries(operation.requestBody?.content ?? {}).map(([type, body]) => ({
        name,
        type,
        described: body.schema !== undefined,
      })),
    );
    expect(bodies.filter(({ type, described }) => type === 'application/json' && !described)).toEqual([]);
  });

  test('that asks for no token says so, and every other one asks for it', () => {
    const open = server.running.routeTable.routes
      .filter(({ access }) => access.kind === 'public' || access.kind === 'signed_url')
      .map(({ method, pattern }) => `${method} ${documented(pattern)}`);
    const wrong = operations().filter(({ name, operation }) => {
      const security = operation.security ?? document.security ?? [];
      const asksForNone = security.length === 0;
      return asksForNone !== open.includes(name);
    });
    expect(wrong.map(({ name }) => name)).toEqual([]);
  });
});

function resolve(reference: string): unknown {
  let node: unknown = document;
  for (const key of reference.replace(/^#\//, '').split('/')) {
    if (typeof node !== 'object' || node === null) return undefined;
    node = Object.entries(node).find(([name]) => name === key.replaceAll('~1', '/'))?.[1];
  }
  return node;
}
