import { useRef, useState } from 'preact/hooks';
import { Button } from '../components/button.tsx';
import { Icon } from '../components/icons.tsx';
import { useConsole } from '../context.ts';
import { plural } from '../format.ts';
import { announce } from '../toasts.tsx';
import { readDrop } from './choose-files.ts';
import type { ChosenFile } from './queue-types.ts';

/** Where files are dropped, or chosen, to be uploaded to a repository. */
export function DropZone({ repoKey }: { readonly repoKey: string }) {
  const { uploads } = useConsole();
  const [isOver, setOver] = useState(false);
  const input = useRef<HTMLInputElement>(null);

  const add = (files: readonly ChosenFile[]): void => {
    if (files.length === 0) return;
    uploads.add(repoKey, files);
    announce(`Uploading ${plural(files.length, 'file')} to ${repoKey}.`);
  };
  const drop = async (transfer: DataTransfer): Promise<void> => {
    const { files, folders } = await readDrop(transfer);
    if (folders > 0) announce('Folders are left out: drop the files in them, or pack the folder into one file.');
    add(files);
  };

  return (
    <div
      class={isOver ? 'drop-zone drop-zone-over' : 'drop-zone'}
      role="group"
      aria-label={`Upload to ${repoKey}`}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        if (event.dataTransfer !== null) void drop(event.dataTransfer);
      }}
    >
      <span class="drop-icon">
        <Icon name="upload" />
      </span>
      <div>
        <p class="drop-title">Drop files here to upload them</p>
        <p class="hint">
          They go straight to the store, in parts. Each becomes visible once the server has proved its SHA-256.
        </p>
      </div>
      <Button kind="primary" icon="plus" onClick={() => input.current?.click()}>
        Choose files
      </Button>
      <input
        ref={input}
        class="visually-hidden"
        type="file"
        multiple
        tabIndex={-1}
        aria-label={`Files to upload to ${repoKey}`}
        onChange={(event) => {
          add([...(event.currentTarget.files ?? [])].map((file) => ({ file, handle: null })));
          // The same file, chosen again, is a change only of an empty field.
          event.currentTarget.value = '';
        }}
      />
    </div>
  );
}
