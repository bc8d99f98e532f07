import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Access } from '../../../src/http/app.ts';
import type { Answered } from './ask-everybody.ts';
import type { Principal } from './principals.ts';
import { REPOS } from './repositories.ts';

const REPORT_PATH = path.join(import.meta.dirname, '..', '..', '..', 'docs', 'reports', 'authorization.md');

export const WRITE_REPORTS = process.env.ARTIFORTRESS_WRITE_REPORTS === '1';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS'];

const NEEDS: Readonly<Record<Access['kind'], string>> = {
  public: '–',
  signed_url: 'signed URL',
  token: 'token',
  bootstrap_or_token: 'bootstrap or token',
  repository: '',
  somewhere: ' somewhere',
  everywhere: ' on `*`',
  metrics: 'admin on `*`, or as set',
};

export async function readReport(): Promise<string> {
  return await readFile(REPORT_PATH, 'utf8').catch(() => '');
}

export async function writeReport(text: string): Promise<void> {
  await writeFile(REPORT_PATH, text);
}

/** The answers of a live server to everybody, as a document. */
export function reportOf(principals: readonly Principal[], answered: readonly Answered[]): string {
  const sections = Object.entries(Object.groupBy(answered, ({ row }) => row.about));
  return `# Who may do what

Written by the tests in \`test/access/matrix\` (\`ARTIFORTRESS_WRITE_REPORTS=1 npx vitest run test/access/matrix\`): each number is the
status that a live server answered. The same tests derive it from what the route declares (\`access\` in its \`routes.ts\`) and from the
contract: 401, then 403, then 400, then 404, then the rest. They fail where a route is not in this document.

The repository of the path is \`${REPOS.asked}\`, unless a table says otherwise. Those who ask:

| name | who |
|---|---|
${principals.map(({ name, what }) => `| ${name} | ${what} |`).join('\n')}

${sections.map(([about, rows = []]) => sectionOf(about, principals, rows)).join('\n')}`;
}

function sectionOf(about: string, principals: readonly Principal[], rows: readonly Answered[]): string {
  const heads = ['route', 'needs', ...principals.map(({ name }) => name)];
  const lines = inOrder(rows).map(({ row, replies }) => {
    const route = `${row.method} ${row.pattern.replaceAll(/:(\w+)/g, '{$1}')}`;
    const statuses = principals.map(({ name }) => String(replies.get(name)?.status ?? ''));
    return [`\`${route}\`${row.what === '' ? '' : ` ${row.what}`}`, needOf(row.need), ...statuses];
  });
  return `## ${about}

${[heads, heads.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n')}
`;
}

function needOf(need: Access): string {
  return `${'role' in need ? need.role : ''}${NEEDS[need.kind]}`;
}

/** By path and method: the order in which routes are registered is nobody's business. */
function inOrder(rows: readonly Answered[]): Answered[] {
  const rank = ({ row }: Answered) => METHODS.indexOf(row.method);
  return rows.toSorted((left, right) =>
    left.row.pattern === right.row.pattern ? rank(left) - rank(right) : left.row.pattern < right.row.pattern ? -1 : 1,
  );
}
