/** The repository that is asked for, another one, one that is deleted, and, of a key as long, one that never was. */
export const REPOS = { asked: 'apps', other: 'other', deleted: 'gone', absent: 'lost' } as const;
