import { readFileSync } from 'node:fs';
import { z } from 'zod';

/** A JSON Schema as zod writes them. */
export interface Schema {
  type?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  anyOf?: Schema[];
  enum?: unknown[];
  const?: unknown;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  not?: Schema;
  $ref?: string;
  [other: string]: unknown;
}

interface Content {
  content?: Record<string, { schema?: Schema }>;
}

export interface Operation {
  name: string;
  method: string;
  path: string;
  parameters: { name: string; in: 'path' | 'query'; required: boolean; schema: Schema }[];
  body: Schema | undefined;
  bodyIsRequired: boolean;
  responses: Record<string, Content>;
}

interface Document {
  paths: Record<string, Record<string, RawOperation>>;
  components: { schemas: Record<string, Schema> };
}

interface RawOperation {
  parameters?: Operation['parameters'];
  requestBody?: Content & { required?: boolean };
  responses: Record<string, Content>;
}

const FILE = new URL('../../../docs/openapi.json', import.meta.url);

function readDocument(): Document {
  return JSON.parse(readFileSync(FILE, 'utf8'));
}

/** Every operation of the committed document. */
export function readOperations(): Operation[] {
  const document = readDocument();
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      name: `${method.toUpperCase()} ${path}`,
      method: method.toUpperCase(),
      path,
      parameters: operation.parameters ?? [],
      body: operation.requestBody?.content?.['application/json']?.schema,
      bodyIsRequired: operation.requestBody?.required === true,
      responses: operation.responses,
    })),
  );
}

/** What is wrong with a JSON answer by the schema that the document gives for its status; undefined: nothing. */
export function createAnswerChecker(): (operation: Operation, status: number, json: unknown) => string | undefined {
  const { components } = readDocument();
  const checkers = new Map<unknown, z.ZodType>();
  return (operation, status, json) => {
    const schema = operation.responses[String(status)]?.content?.['application/json']?.schema;
    if (schema === undefined) return undefined;
    // A document of ours, not of a person's making: that it is JSON Schema is what zod then finds out.
    const document: Parameters<typeof z.fromJSONSchema>[0] = JSON.parse(JSON.stringify({ ...schema, components }));
    const checker = checkers.get(schema) ?? z.fromJSONSchema(document);
    checkers.set(schema, checker);
    const judged = checker.safeParse(json);
    return judged.success ? undefined : z.prettifyError(judged.error);
  };
}
