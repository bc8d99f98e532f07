/** A file of the console, as it was made. */
export interface ConsoleFile {
  name: string;
  bytes: Buffer;
}

/** Where `npm run build` keeps them, beside the compiled server in `dist/`. In a checkout there is no such folder. */
export const BUILT_FILES = 'files';
