import { join } from 'node:path';
import ts from 'typescript';

const ENTRY = join(import.meta.dirname, '..', 'src', 'client', 'index.ts');
const HEAD = `# The client library: reference

<!-- Generated from the declarations of src/client by "npm run generate": change them there. -->

Everything that \`artifortress/client\` exports, with its documentation. How to use it stands in [client.md](client.md).
`;

/** The reference of the client library, made of what its entry exports and of the comments there. */
export function clientReference(): string {
  const program = ts.createProgram([ENTRY], {
    module: ts.ModuleKind.NodeNext,
    target: ts.ScriptTarget.ESNext,
    allowImportingTsExtensions: true,
    noEmit: true,
    strict: true,
  });
  const checker = program.getTypeChecker();
  const entry = program.getSourceFile(ENTRY);
  const module = entry && checker.getSymbolAtLocation(entry);
  if (module === undefined) throw new Error(`${ENTRY} exports nothing`);
  const sections = checker
    .getExportsOfModule(module)
    .toSorted((left, right) => (left.name < right.name ? -1 : 1))
    .map((symbol) => section(checker, symbol));
  return `${HEAD}\n${sections.join('\n')}`;
}

function section(checker: ts.TypeChecker, symbol: ts.Symbol): string {
  const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
  const declaration = target.declarations?.find((one) => !ts.isVariableDeclaration(one)) ?? target.declarations?.[0];
  if (declaration === undefined) throw new Error(`${symbol.name} is declared nowhere`);
  const comment = ts.displayPartsToString(target.getDocumentationComment(checker));
  return [
    `## ${symbol.name}`,
    ...(comment === '' ? [] : [comment]),
    `\`\`\`ts\n${signature(declaration)}\n\`\`\``,
    '',
  ].join('\n\n');
}

/** What a caller sees of a declaration: no bodies, nothing private. The comments on members stay. */
function signature(declaration: ts.Declaration): string {
  const text = (node: ts.Node): string => node.getFullText().replace(/^\n+/, '').trimEnd();
  if (ts.isClassDeclaration(declaration)) {
    const heritage = declaration.heritageClauses?.map((clause) => ` ${clause.getText()}`).join('') ?? '';
    const members = declaration.members.filter((member) => !(member.name && ts.isPrivateIdentifier(member.name)));
    const shown = members.map((member) => {
      const body = ts.isMethodDeclaration(member) || ts.isConstructorDeclaration(member) ? member.body : undefined;
      return body === undefined ? text(member) : text(member).slice(0, -body.getText().length).trimEnd();
    });
    return `class ${declaration.name?.text}${heritage} {\n${shown.join('\n')}\n}`;
  }
  if (ts.isFunctionDeclaration(declaration)) {
    const body = declaration.body?.getText() ?? '';
    return declaration
      .getText()
      .slice(0, -body.length || undefined)
      .replace(/^export /, '')
      .trimEnd();
  }
  if (ts.isVariableDeclaration(declaration)) return `const ${declaration.getText()}`;
  return declaration.getText().replace(/^export /, '');
}
