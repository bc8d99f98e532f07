import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { sha256, uniqueBytes } from '../../support/uploading.ts';
import type { CallSite, Fault } from './fault-points.ts';
import type { Flow } from './flows.ts';
import { expectInvariants } from './invariants.ts';
import { beginLife, blobPath, type Life } from './life.ts';
import type { Step } from './steps.ts';
import type { World } from './world.ts';

/** What the client of a step got, or that it got nothing. */
type Answer = number | 'no answer';

const ATTEMPTS = 8;
const RETRY_MS = 50;
/** Longer than anything here takes on the slowest machine: a fault that does not come in this time was never reached. */
const FAULT_LIMIT_MS = 60_000;
const NO_ANSWER = 'no answer';
const VERIFYING = 202;

/** A fault at a call of one step of a flow. */
export interface FaultCase {
  flow: Flow;
  step: Step;
  fault: Fault;
}

/** The calls of each step that may be made to fail, in their order, of a flow in which nothing fails. */
export async function traceFlow(world: World, flow: Flow): Promise<{ step: Step; calls: CallSite[] }[]> {
  const life = beginLife(world, flow.life);
  const traced = [];
  for (const { step, faulty } of flow.steps) {
    await world.child().watch();
    await settle(step, life, 0);
    if (faulty) traced.push({ step, calls: await world.child().calls() });
  }
  await expectInvariants(life, flow.ending, []);
  return traced;
}

/** Has a call fail, goes on as a client does, and checks what must hold whatever happened. @returns what the client saw. */
export async function runCase(world: World, { flow, step: faulty, fault }: FaultCase): Promise<string> {
  const life = beginLife(world, flow.life);
  const bystanders: string[] = [];
  const answers: Answer[] = [];
  for (const { step } of flow.steps) {
    if (step !== faulty) {
      await settle(step, life, 0);
      continue;
    }
    await world.child().watch(fault);
    const first = await meetFault(step, life, fault, bystanders);
    answers.push(first);
    if (!world.child().isAlive()) await world.restart();
    if (first === NO_ANSWER || !isSettled(step, first)) answers.push(...(await settle(step, life, 1)));
  }
  await expectInvariants(life, flow.ending, bystanders);
  return answers.map((answer) => wordFor(faulty, answer)).join(', then ');
}

async function meetFault(step: Step, life: Life, { mode }: Fault, bystanders: string[]): Promise<Answer> {
  const child = life.world.child();
  const dies = mode === 'killed_before' || mode === 'reply_lost';
  const met = dies ? child.exited : child.hit();
  const answer = step.run(life, 0).catch((): Answer => NO_ANSWER);
  await Promise.race([met, sleep(FAULT_LIMIT_MS, undefined, { ref: false }).then(notReached)]);
  if (mode === 'hang') {
    bystanders.push(await expectOthersServed(life.world));
    await child.kill();
  }
  return await answer;
}

function notReached(): never {
  throw new Error('the call that was to fail was never made');
}

/** While one call hangs, other clients upload and download. @returns the path of what was uploaded. */
async function expectOthersServed({ client }: World): Promise<string> {
  const bytes = uniqueBytes();
  const path = blobPath({ digest: sha256(bytes) });
  const put = await client.request('PUT', path, { body: bytes });
  expect(put.status, `the status of an upload meanwhile, answered ${put.bytes.toString()}`).toBe(201);
  const read = await client.request('GET', path);
  expect(read.bytes.equals(bytes), 'whether a download meanwhile gets its bytes').toBe(true);
  return path;
}

/** Repeats a step until it is over. @returns every answer. */
async function settle(step: Step, life: Life, firstAttempt: number): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (let attempt = firstAttempt; attempt < ATTEMPTS; attempt += 1) {
    const answer = await step.run(life, attempt);
    answers.push(answer);
    if (isSettled(step, answer)) return answers;
    await sleep(RETRY_MS);
  }
  throw new Error(`"${step.name}" never came to its end: ${answers.join(', ')}`);
}

/** Not over yet where a client is told to try again. @throws where the status is none that a client can do anything with. */
function isSettled(step: Step, status: Answer): boolean {
  if (typeof status === 'number' && step.settled.includes(status)) return true;
  if (status === VERIFYING || status === 503) return false;
  throw new Error(`"${step.name}" was answered ${status}`);
}

function wordFor({ by }: Step, answer: Answer): string {
  if (by === 'client' || answer === NO_ANSWER) return String(answer);
  return answer === 200 ? 'done' : 'put off';
}
