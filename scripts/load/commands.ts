import { S3_SERVER_NAMES } from '../go-programs.ts';

export const COMMANDS = ['throughput', 'slow', 'growth', 'soak', 'all'] as const;
export type CommandName = (typeof COMMANDS)[number];

export const STORES = ['folder', ...S3_SERVER_NAMES] as const;
export type StoreName = (typeof STORES)[number];
