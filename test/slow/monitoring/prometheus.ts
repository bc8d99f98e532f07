import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { freePort } from '../../../scripts/bench/loopback.ts';

const MONITORING = join(import.meta.dirname, '../../../deploy/monitoring');
const SCRAPE_INTERVAL = '1s';

const vectorSchema = z.object({
  data: z.object({
    result: z.array(z.object({ metric: z.record(z.string(), z.string()), value: z.tuple([z.number(), z.string()]) })),
  }),
});
const alertsSchema = z.object({
  data: z.object({ alerts: z.array(z.object({ labels: z.object({ alertname: z.string() }) })) }),
});

export interface Sample {
  metric: Record<string, string>;
  value: number;
}

/** A real Prometheus that runs on our configuration and our alert rules. */
export interface Prometheus extends AsyncDisposable {
  /** An instant query. @throws Error where Prometheus refuses it. */
  query(expression: string): Promise<Sample[]>;
  /** The alerts that are pending or firing, by name. */
  alerts(): Promise<string[]>;
}

/** Starts it as `deploy/monitoring/prometheus.yml` says, but for the address, the token and the intervals. */
export async function startPrometheus(target: string, token: string): Promise<Prometheus> {
  const folder = await mkdtemp(join(tmpdir(), 'artifortress-prometheus-'));
  await cp(MONITORING, folder, { recursive: true });
  await writeFile(join(folder, 'metrics-token'), token);
  const config = join(folder, 'prometheus.yml');
  const written = await readFile(config, 'utf8');
  const adapted = written.replaceAll('15s', SCRAPE_INTERVAL).replace('127.0.0.1:8080', target);
  if (!adapted.includes(target)) throw new Error('prometheus.yml names no address to be replaced');
  await writeFile(config, adapted);

  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const child = spawn(
    'prometheus',
    [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=warn',
    ],
    { stdio: ['ignore', 'inherit', 'inherit'] },
  );
  await untilReady(child, url);
  return {
    async query(expression) {
      const answer = await fetch(`${url}/api/v1/query`, {
        method: 'POST',
        body: new URLSearchParams({ query: expression }),
      });
      if (!answer.ok) throw new Error(`Prometheus refuses ${expression}: ${await answer.text()}`);
      const { data } = vectorSchema.parse(await answer.json());
      return data.result.map(({ metric, value: [, value] }) => ({ metric, value: Number(value) }));
    },
    async alerts() {
      const { data } = alertsSchema.parse(await (await fetch(`${url}/api/v1/alerts`)).json());
      return data.alerts.map(({ labels }) => labels.alertname);
    },
    async [Symbol.asyncDispose]() {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function untilReady(child: ChildProcess, url: string): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    if (child.exitCode !== null) throw new Error(`prometheus ended with ${child.exitCode}`);
    const answer = await fetch(`${url}/-/ready`).catch(() => undefined);
    if (answer?.ok === true) return;
    await sleep(100);
  }
  throw new Error('prometheus does not get ready');
}
