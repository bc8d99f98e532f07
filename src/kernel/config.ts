import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseEnv } from 'node:util';
import type { z } from 'zod';
import { messageOf, StartupError } from './errors.ts';
import {
  CLIENT_VARIABLES,
  CONFIG_FILE_VARIABLE,
  SETTING_NAMES,
  SETTINGS,
  type SettingName,
  type Settings,
} from './settings.ts';

const PREFIX = 'ARTIFORTRESS_';

type SettingSource = 'environment' | 'file' | 'default' | 'unset';

export interface Config {
  readonly settings: Settings;
  /** Where each setting came from, for `artifortress config`. */
  readonly sources: Readonly<Record<SettingName, SettingSource>>;
  readonly configFile: string | undefined;
}

/**
 * Reads the settings from the environment and from the file that `ARTIFORTRESS_CONFIG_FILE` names (`NAME=value` lines; the
 * environment wins).
 * @throws StartupError naming every setting that is unknown or wrong, all in one message.
 */
export function loadConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  const configFile = environment[CONFIG_FILE_VARIABLE] || undefined;
  const fromFile = configFile === undefined ? {} : readConfigFile(configFile);
  const problems = [...unknownNames(environment, false), ...unknownNames(fromFile, true)];
  const values: Partial<Record<SettingName, unknown>> = {};
  const sources: Partial<Record<SettingName, SettingSource>> = {};
  for (const name of SETTING_NAMES) {
    const definition = SETTINGS[name];
    const given = pick(environment[definition.env], fromFile[definition.env], definition.fallback);
    sources[name] = given.source;
    if (given.text === undefined) continue;
    const parsed = definition.schema.safeParse(given.text);
    if (parsed.success) values[name] = parsed.data;
    else problems.push(wrongValue(definition.env, definition.secret, given.text, parsed.error));
  }
  if (problems.length > 0)
    throw new StartupError(`The settings are wrong:\n${problems.map((p) => `  - ${p}`).join('\n')}`);
  // The loop gave every name of SETTINGS a source and a value of its own schema, or left out one that has no fallback.
  // oxlint-disable typescript/no-unsafe-type-assertion -- the keys of a table, which no type can follow through a loop
  const settings = { ...values, dataDirectory: resolve(String(values.dataDirectory)) } as Settings;
  return { settings, sources: sources as Config['sources'], configFile };
  // oxlint-enable typescript/no-unsafe-type-assertion
}

function pick(environment: string | undefined, file: string | undefined, fallback: string | undefined) {
  // An empty variable means "not set": compose files and CI systems write unset variables that way.
  if (environment) return { text: environment, source: 'environment' } as const;
  if (file) return { text: file, source: 'file' } as const;
  return { text: fallback, source: fallback === undefined ? 'unset' : 'default' } as const;
}

function readConfigFile(path: string): Record<string, string | undefined> {
  try {
    return parseEnv(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new StartupError(
      `The settings file "${path}" (${CONFIG_FILE_VARIABLE}) can't be read: ${messageOf(error)}. Mend the path or unset the variable.`,
    );
  }
}

function unknownNames(given: Readonly<Record<string, string | undefined>>, everyNameCounts: boolean): string[] {
  const known: string[] = Object.values(SETTINGS).map((definition) => definition.env);
  const legal = new Set<string>([...known, ...CLIENT_VARIABLES, CONFIG_FILE_VARIABLE]);
  return Object.keys(given)
    .filter((name) => (everyNameCounts || name.startsWith(PREFIX)) && !legal.has(name))
    .map((name) => `${name}: no such setting${suggestion(name, known)} "artifortress config" lists them all.`);
}

function suggestion(name: string, known: readonly string[]): string {
  const continued = known.find((candidate) => candidate.startsWith(`${name}_`));
  if (continued !== undefined) return `; did you mean ${continued}?`;
  const nearest = known
    .map((candidate) => ({ candidate, distance: editDistance(name, candidate) }))
    .reduce((best, next) => (next.distance < best.distance ? next : best));
  return nearest.distance <= 4 ? `; did you mean ${nearest.candidate}?` : '.';
}

/** Levenshtein's distance, in one row. */
function editDistance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let i = 1; i <= left.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= right.length; j += 1) {
      const substitution = (row[j - 1] ?? 0) + (left[i - 1] === right[j - 1] ? 0 : 1);
      next.push(Math.min(substitution, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[right.length] ?? 0;
}

function wrongValue(env: string, secret: boolean, text: string, error: z.ZodError): string {
  const reasons = error.issues.map((issue) => issue.message).join('; ');
  const shown = text.replace(/\/\/[^/@]*@/, '//(hidden)@');
  return `${env}: ${secret ? 'its value' : `"${shown}"`} ${reasons}.`;
}

export interface SettingLine {
  name: string;
  value: string | null;
  source: SettingSource;
  description: string;
}

/** The effective settings as `artifortress config` prints them: secrets hidden, passwords in URLs too. */
export function describeConfig(config: Config): SettingLine[] {
  return SETTING_NAMES.map((name) => {
    const definition = SETTINGS[name];
    const value = config.settings[name];
    const shown = value === undefined ? null : definition.secret ? '(hidden)' : String(value);
    const source = config.sources[name];
    return { name: definition.env, value: shown, source, description: definition.description };
  });
}
