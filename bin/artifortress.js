#!/usr/bin/env node
// Plain JavaScript that any Node from 18 on can parse: it finds a Node that can run the product, and the product itself.
import { spawn } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import nodeModule, { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** From here on Node runs TypeScript by itself, and `fetch` and streams are as the client needs them. */
const LEAST_NODE = [24, 0];

/** Tells the process that a wrapper starts that its channel is the wrapper's life line, not somebody else's fork. */
const LIFE_LINE = 'ARTIFORTRESS_WRAPPER_LIFE_LINE';

const packageFolder = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

function isNewEnough(version) {
  const [major, minor] = version.split('.').map(Number);
  return major > LEAST_NODE[0] || (major === LEAST_NODE[0] && minor >= LEAST_NODE[1]);
}

/** The sources in a checkout; in an installed package there are none, and Node refuses to strip types there anyway. */
function entryFile() {
  const source = path.join(packageFolder, 'src', 'cli', 'main.ts');
  const isInstalled = packageFolder.split(path.sep).includes('node_modules');
  return !isInstalled && existsSync(source) ? source : path.join(packageFolder, 'dist', 'cli', 'main.js');
}

async function run() {
  endWithParent();
  keepCompiled();
  const { runCli } = await import(pathToFileURL(entryFile()).href);
  process.exitCode = await runCli(process.argv.slice(2));
}

/**
 * What was compiled once is not compiled again: a third of the start of every command. In a folder of the user's own, since what
 * lies there is run; Node's default is below the folder for temporary files, which others can write to.
 */
function keepCompiled() {
  const { XDG_CACHE_HOME, HOME } = process.env;
  const base = XDG_CACHE_HOME && path.isAbsolute(XDG_CACHE_HOME) ? XDG_CACHE_HOME : HOME && path.join(HOME, '.cache');
  if (base) nodeModule.enableCompileCache(path.join(base, 'artifortress', 'compiled'));
}

/** Where a wrapper started us over a channel, its end is ours: the channel closes even when it is killed with -9. */
function endWithParent() {
  const hasLifeLine = process.env[LIFE_LINE] !== undefined && process.connected;
  delete process.env[LIFE_LINE];
  if (!hasLifeLine) return;
  process.channel.unref();
  process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'));
}

/** The Node that this package pins for this platform as an optional dependency; null where it is not installed. */
function pinnedNode() {
  try {
    const require = createRequire(import.meta.url);
    const manifest = require.resolve(`node-${process.platform}-${process.arch}/package.json`);
    const file = path.join(path.dirname(manifest), 'bin', 'node');
    accessSync(file, constants.X_OK);
    return file;
  } catch {
    return null;
  }
}

function findSetpriv() {
  if (process.platform !== 'linux') return null;
  const folders = (process.env.PATH || '').split(path.delimiter);
  return ['/usr/bin', '/bin', ...folders].map((folder) => path.join(folder, 'setpriv')).find(existsSync) || null;
}

/** Runs the same command line with a newer Node, and ends as it ends. */
function runWith(node) {
  const script = [fileURLToPath(import.meta.url), ...process.argv.slice(2)];
  // Killing this process with -9 must not leave the other one behind: the kernel sees to it where setpriv can ask it to.
  const setpriv = findSetpriv();
  const child =
    setpriv === null
      ? spawn(node, script, {
          stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
          env: { ...process.env, [LIFE_LINE]: '1' },
        })
      : spawn(setpriv, ['--pdeathsig', 'TERM', '--', node, ...script], { stdio: 'inherit' });

  const hasTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
  const forward = (signal) => {
    // A terminal sends Ctrl-C to both processes: passed on, it would count as the second one of an impatient person.
    if (signal !== 'SIGINT' || !hasTerminal) child.kill(signal);
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.on(signal, forward);

  child.on('error', (error) => {
    console.error(`artifortress: ${node} cannot be started: ${error.message}`);
    process.exitCode = 1;
  });
  child.on('exit', (code, signal) => {
    for (const name of signals) process.off(name, forward);
    if (signal !== null) process.kill(process.pid, signal);
    else process.exitCode = code;
  });
}

if (isNewEnough(process.versions.node)) {
  await run();
} else {
  const node = pinnedNode();
  if (node !== null) {
    runWith(node);
  } else {
    console.error(
      `artifortress: needs Node ${LEAST_NODE.join('.')} or newer, and this is ${process.versions.node}. ` +
        'Install a newer one from https://nodejs.org, or install this package again without --omit=optional: ' +
        `it brings its own Node where there is one for ${process.platform}-${process.arch}.`,
    );
    process.exitCode = 1;
  }
}
