import { invalidArgument } from './errors.ts';

/**
 * A path with its values encoded: path`/v1/repos/${repoKey}/blobs`. Empty, `.` and `..` are refused, since a URL would
 * swallow them and reach another route than the one meant.
 */
export function path(literals: TemplateStringsArray, ...values: readonly string[]): string {
  return literals.reduce((result, literal, index) => {
    const value = values[index - 1] ?? '';
    if (value === '' || value === '.' || value === '..') {
      throw invalidArgument(`"${value}" cannot be a name here: give the key, id or digest meant.`);
    }
    return result + encodeURIComponent(value) + literal;
  });
}
