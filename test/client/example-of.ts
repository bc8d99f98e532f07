/** As much of JSON Schema as the document uses. */
export interface Schema {
  type?: string | string[];
  const?: unknown;
  enum?: unknown[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: Schema | boolean;
  pattern?: string;
}

/** A value that fits, with every field that there can be. */
export function exampleOf(schema: Schema): unknown {
  return build(schema, () => true);
}

/** A value that fits, with no field that may be left out, and null wherever it may be. */
export function withoutOptional(schema: Schema): unknown {
  return build(schema, (required) => required);
}

function build(schema: Schema, keeps: (required: boolean) => boolean): unknown {
  if ('const' in schema) return schema.const;
  if (schema.enum !== undefined) return schema.enum[0];
  const either = schema.anyOf ?? schema.oneOf;
  if (either !== undefined) {
    const isNull = (one: Schema): boolean => one.type === 'null';
    const chosen = keeps(false) ? either.find((one) => !isNull(one)) : (either.find(isNull) ?? either[0]);
    return build(chosen ?? {}, keeps);
  }
  const types = [schema.type].flat();
  const type = keeps(false) || !types.includes('null') ? types.find((one) => one !== 'null') : 'null';
  // Nothing said: anything fits.
  switch (type ?? 'string') {
    case 'object':
      return buildObject(schema, keeps);
    case 'array':
      return [build(schema.items ?? {}, keeps)];
    case 'integer':
    case 'number':
      return 1;
    case 'boolean':
      return true;
    case 'null':
      return null;
    default:
      return 'text';
  }
}

function buildObject(schema: Schema, keeps: (required: boolean) => boolean): Record<string, unknown> {
  const known = Object.entries(schema.properties ?? {})
    .filter(([name]) => keeps(schema.required?.includes(name) === true))
    .map(([name, inner]): [string, unknown] => [name, build(inner, keeps)]);
  const { additionalProperties: others } = schema;
  const other = typeof others === 'object' && keeps(false) ? [['any', build(others, keeps)] as const] : [];
  return Object.fromEntries([...known, ...other]);
}
