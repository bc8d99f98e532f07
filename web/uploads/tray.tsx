import { useEffect, useRef, useState } from 'preact/hooks';
import { Button, IconButton } from '../components/button.tsx';
import { Icon } from '../components/icons.tsx';
import { ErrorNotice } from '../components/notices.tsx';
import { useConsole } from '../context.ts';
import { formatBytes, formatDuration, plural } from '../format.ts';
import { linkTo } from '../router.ts';
import { announce } from '../toasts.tsx';
import { reopen } from './choose-files.ts';
import type { UploadItem, UploadPhase } from './queue-types.ts';
import { useRate } from './rate.ts';
import { useUploads } from './use-uploads.ts';

const MOVING: ReadonlySet<UploadPhase> = new Set(['hashing', 'sending', 'verifying']);

/** The uploads of this tab, whatever page is shown: how far each is, and what can be done about it. */
export function UploadTray() {
  const items = useUploads();
  const [isOpen, setOpen] = useState(true);
  const told = useRef(new Map<string, UploadPhase>());

  useEffect(() => {
    for (const { id, name, phase, deduped } of items) {
      if (told.current.get(id) === phase) continue;
      told.current.set(id, phase);
      if (phase === 'done') announce(deduped ? `${name} was there already.` : `${name} is uploaded.`);
      if (phase === 'failed') announce(`${name} could not be uploaded.`);
    }
  }, [items]);

  // Leaving the page now would stop what is going on.
  const isMoving = items.some(({ phase }) => MOVING.has(phase) || phase === 'waiting');
  useEffect(() => {
    if (!isMoving) return;
    const ask = (event: BeforeUnloadEvent): void => event.preventDefault();
    addEventListener('beforeunload', ask);
    return () => removeEventListener('beforeunload', ask);
  }, [isMoving]);

  if (items.length === 0) return null;
  const left = items.filter(({ phase }) => phase !== 'done').length;
  return (
    <section class="tray" aria-label="Uploads">
      <h2 class="tray-head">
        <button type="button" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
          <Icon name="upload" />
          {left === 0 ? 'All uploads are done' : plural(left, 'upload')}
        </button>
      </h2>
      {isOpen && (
        <ul class="tray-list">
          {items.map((item) => (
            <UploadRow key={item.id} item={item} />
          ))}
        </ul>
      )}
    </section>
  );
}

const WORDS: Readonly<Record<UploadPhase, string>> = {
  waiting: 'Waiting for its turn',
  hashing: 'Hashing',
  sending: 'Uploading',
  verifying: 'The server is proving the digest',
  paused: 'Paused',
  halted: 'Goes on once you are signed in again',
  interrupted: 'Interrupted: choose the same file to go on',
  done: 'Done',
  failed: 'Failed',
};

const TRYING_AGAIN = 'It is tried again by itself for a few minutes. What has arrived is not sent again.';

function UploadRow({ item }: { readonly item: UploadItem }) {
  const { phase, name, size, doneBytes, repoKey, digest, error, deduped } = item;
  const isMeasured = phase === 'hashing' || phase === 'sending';
  const rate = useRate(doneBytes, isMeasured);
  const left = rate === null || rate === 0 ? null : (size - doneBytes) / rate;
  return (
    <li class={`upload upload-${phase}`}>
      <div class="upload-head">
        <span class="upload-name" title={name}>
          {name}
        </span>
        <UploadActions item={item} />
      </div>
      {MOVING.has(phase) && (
        <progress
          max={Math.max(size, 1)}
          {...(phase === 'verifying' && doneBytes === 0 ? {} : { value: doneBytes })}
          aria-label={`${WORDS[phase]} ${name}`}
        />
      )}
      <p class="upload-state">
        {phase === 'done' && digest !== null ? (
          <>
            {deduped ? 'Was there already: no byte sent. ' : 'Committed. '}
            <a href={linkTo(['repos', repoKey, 'blobs', digest])}>Show it</a>
          </>
        ) : (
          WORDS[phase]
        )}
        {isMeasured && ` · ${formatBytes(doneBytes)} of ${formatBytes(size)}`}
        {!isMeasured && phase !== 'done' && ` · ${formatBytes(size)} to ${repoKey}`}
        {isMeasured && rate !== null && ` · ${formatBytes(rate)}/s`}
        {isMeasured && left !== null && left > 1 && ` · ${formatDuration(left)} left`}
      </p>
      {error !== null && <ErrorNotice error={error} {...(MOVING.has(phase) ? { advice: TRYING_AGAIN } : {})} />}
    </li>
  );
}

function UploadActions({ item }: { readonly item: UploadItem }) {
  const { uploads } = useConsole();
  const { id, name, phase } = item;
  return (
    <span class="upload-actions">
      {(phase === 'hashing' || phase === 'sending' || phase === 'waiting') && (
        <IconButton icon="pause" label={`Pause ${name}`} onClick={() => uploads.pause(id)} />
      )}
      {phase === 'paused' && <IconButton icon="play" label={`Resume ${name}`} onClick={() => uploads.resume(id)} />}
      {phase === 'failed' && (
        <IconButton icon="refresh" label={`Try ${name} again`} onClick={() => uploads.resume(id)} />
      )}
      {phase === 'interrupted' && <ChooseAgain item={item} />}
      {phase === 'done' ? (
        <IconButton icon="close" label={`Take ${name} off the list`} onClick={() => uploads.dismiss(id)} />
      ) : (
        phase !== 'verifying' && (
          <IconButton icon="trash" isDanger label={`Cancel ${name}`} onClick={() => uploads.cancel(id)} />
        )
      )}
    </span>
  );
}

/** Takes the file of an interrupted upload again: by the handle that was kept, or by its person. */
function ChooseAgain({ item }: { readonly item: UploadItem }) {
  const { uploads } = useConsole();
  const input = useRef<HTMLInputElement>(null);
  const take = (file: File): void => {
    const problem = uploads.resumeWith(item.id, file);
    if (problem !== null) announce(problem);
  };
  const goOn = async (): Promise<void> => {
    const file = item.handle === null ? null : await reopen(item.handle);
    if (file === null) input.current?.click();
    else take(file);
  };
  return (
    <>
      <Button icon="play" label={`Go on with ${item.name}`} onClick={() => void goOn()}>
        Go on
      </Button>
      <input
        ref={input}
        class="visually-hidden"
        type="file"
        tabIndex={-1}
        aria-label={`The file ${item.name} again`}
        onChange={(event) => {
          const [file] = event.currentTarget.files ?? [];
          if (file !== undefined) take(file);
          event.currentTarget.value = '';
        }}
      />
    </>
  );
}
