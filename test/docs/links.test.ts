import { access, readdir, readFile } from 'node:fs/promises';
import { dirname, join, normalize, relative } from 'node:path';
import { describe, expect, test } from 'vitest';

const REPOSITORY = join(import.meta.dirname, '..', '..');
const FOLDERS_WITH_PAGES = ['docs', 'deploy', 'test', 'scripts'];

interface Page {
  path: string;
  links: string[];
  anchors: Set<string>;
}

const pages = await Promise.all((await pathsOfPages()).map(readPage));
const byPath = new Map(pages.map((page) => [page.path, page]));

async function pathsOfPages(): Promise<string[]> {
  const isPage = (path: string) => path.endsWith('.md');
  const atRoot = (await readdir(REPOSITORY)).filter(isPage);
  const below = await Promise.all(
    FOLDERS_WITH_PAGES.map(async (folder) =>
      (await readdir(join(REPOSITORY, folder), { recursive: true })).filter(isPage).map((path) => join(folder, path)),
    ),
  );
  return [...atRoot, ...below.flat()].sort();
}

async function readPage(path: string): Promise<Page> {
  // What stands in code is no link and no heading.
  const text = (await readFile(join(REPOSITORY, path), 'utf8'))
    .replaceAll(/^```[\s\S]*?^```$/gm, '')
    .replaceAll(/`[^`\n]*`/g, (code) => code.replaceAll(/[[\]()#]/g, ' '));
  const links = [...text.matchAll(/\]\(([^)\s]+)\)|\bsrc(?:set)?="([^"]+)"/g)].map(
    ([, link, image]) => link ?? image ?? '',
  );
  return { path, links, anchors: anchorsOf(await readFile(join(REPOSITORY, path), 'utf8')) };
}

/** The names that headings have in links, as GitHub makes them. */
function anchorsOf(text: string): Set<string> {
  const seen = new Map<string, number>();
  const anchors = new Set<string>();
  for (const [, heading = ''] of text.replaceAll(/^```[\s\S]*?^```$/gm, '').matchAll(/^#{1,6} (.*)$/gm)) {
    const slug = heading
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(' ', '-');
    const times = seen.get(slug) ?? 0;
    seen.set(slug, times + 1);
    anchors.add(times === 0 ? slug : `${slug}-${times}`);
  }
  return anchors;
}

/** What is wrong with a link from a page; undefined where it leads somewhere. */
async function faultOf(page: Page, link: string): Promise<string | undefined> {
  if (/^(https?|mailto):/.test(link)) return undefined;
  const [file = '', anchor] = link.split('#');
  const path = file === '' ? page.path : normalize(join(dirname(page.path), decodeURIComponent(file)));
  const isThere = await access(join(REPOSITORY, path)).then(
    () => true,
    () => false,
  );
  if (path.startsWith('..') || !isThere) return `${link}: there is no ${path}`;
  if (anchor === undefined || !path.endsWith('.md')) return undefined;
  return byPath.get(path)?.anchors.has(anchor) === true ? undefined : `${link}: ${path} has no heading for #${anchor}`;
}

describe('links', () => {
  test.each(pages.filter(({ links }) => links.length > 0))('of $path lead somewhere', async (page) => {
    const faults = await Promise.all(page.links.map((link) => faultOf(page, link)));
    expect(faults.filter((fault) => fault !== undefined)).toEqual([]);
  });

  test('lead from the index to every page of the documentation', () => {
    const index = byPath.get(join('docs', 'README.md'));
    const linked = new Set(index?.links.map((link) => normalize(join('docs', link.split('#')[0] ?? ''))));
    const pagesOfDocs = pages.map(({ path }) => path).filter((path) => /^docs\/(reports\/)?[^/]+\.md$/.test(path));
    expect(pagesOfDocs.filter((path) => path !== join('docs', 'README.md') && !linked.has(path))).toEqual([]);
  });

  test('are relative to the page, and never to the machine', () => {
    const absolute = pages.flatMap(({ path, links }) =>
      links.filter((link) => link.startsWith('/')).map((link) => `${path}: ${relative('/', link)}`),
    );
    expect(absolute).toEqual([]);
  });
});
