/**
 * Imports point one way: kernel ← model ← store ← verb ← routes ← http ← main. What stands here is checked on every
 * `npm run check`; why it is so stands in ARCHITECTURE.md.
 */
const DATABASE_LIBRARIES = '^node_modules/(pg|kysely)/';

export default {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'Two files that need each other are one file, or three.',
      severity: 'error',
      from: {},
      to: { circular: true, dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'kernel-knows-nothing-of-the-product',
      severity: 'error',
      from: { path: '^src/kernel/' },
      to: { path: '^src/', pathNot: '^src/kernel/' },
    },
    {
      name: 'models-know-only-models',
      comment: 'A model is names, shapes and pure rules.',
      severity: 'error',
      from: { path: '/model\\.ts$' },
      to: { path: '^src/', pathNot: '(^src/kernel/|/model\\.ts$|^src/access/repo-key\\.ts$|^src/objects/)' },
    },
    {
      name: 'stores-know-no-verbs',
      comment: 'SQL lies below the use cases.',
      severity: 'error',
      from: { path: '[-/]store\\.ts$', pathNot: '^src/objects/' },
      to: {
        path: '^src/',
        pathNot: '(^src/kernel/|/model\\.ts$|[-/]store\\.ts$|^src/access/repo-key\\.ts$|^src/objects/)',
      },
    },
    {
      name: 'sql-only-in-stores',
      severity: 'error',
      from: {
        path: '^src/',
        pathNot:
          '([-/]store\\.ts$|^src/kernel/(database|migrate|connect-client)\\.ts$|^src/access/bootstrap\\.ts$|^src/http/operations-routes\\.ts$)',
      },
      to: { path: DATABASE_LIBRARIES },
    },
    {
      name: 'fastify-only-at-the-edge',
      severity: 'error',
      from: { path: '^src/', pathNot: '(^src/http/|routes\\.ts$)' },
      to: { path: '^node_modules/(fastify|@fastify|fastify-type-provider-zod)/' },
    },
    {
      name: 'the-aws-sdk-only-in-its-driver',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/objects/s3/' },
      to: { path: '^node_modules/(@aws-sdk|@smithy)/' },
    },
    {
      name: 'routes-are-known-by-the-server-only',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/http/server\\.ts$' },
      to: { path: '(^|-|/)routes\\.ts$' },
    },
    {
      name: 'one-composition-root',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/operator/' },
      to: { path: '^src/main\\.ts$' },
    },
    {
      name: 'the-client-stands-alone',
      comment: 'It is published, and runs in browsers: it knows the contract and the web, nothing else.',
      severity: 'error',
      from: { path: '^src/client/' },
      to: { pathNot: '^src/client/' },
    },
    {
      name: 'the-command-line-knows-no-server',
      severity: 'error',
      from: { path: '^src/cli/' },
      to: { path: '^src/', pathNot: '^src/(cli|client|operator)/' },
    },
    {
      name: 'nobody-knows-the-command-line',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/cli/' },
      to: { path: '^src/cli/' },
    },
    {
      name: 'the-console-knows-the-client-alone',
      comment:
        'It runs in a browser. The canonical form of JSON is one text for all: what checks a proof needs it too.',
      severity: 'error',
      from: { path: '^web/' },
      to: { path: '^src/', pathNot: '^src/(client/|kernel/canonical-json\\.ts$)' },
    },
    {
      name: 'nobody-knows-the-console',
      comment: 'Its files are bundled, never imported.',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^web/' },
    },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
};
