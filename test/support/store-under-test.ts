/** Whether this run is on the folder store: what only that one has, its files above all, is tested only then. */
export const ON_FOLDER = (process.env.ARTIFORTRESS_TEST_STORE ?? '') === '';
