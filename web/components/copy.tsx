import { useState } from 'preact/hooks';
import { announce } from '../toasts.tsx';
import { IconButton } from './button.tsx';

const CONFIRMED_MS = 1_600;

/** Copies a text; says so to everybody. */
export function CopyButton({ text, label }: { readonly text: string; readonly label: string }) {
  const [isCopied, setCopied] = useState(false);
  const copy = (): void => {
    void copyText(text).then((isDone) => {
      announce(isDone ? 'Copied.' : 'The browser does not let this page copy: select the text instead.');
      setCopied(isDone);
      setTimeout(() => setCopied(false), CONFIRMED_MS);
    });
  };
  return <IconButton icon={isCopied ? 'check' : 'copy'} label={label} onClick={copy} />;
}

/** Browsers give the clipboard only to pages that came over HTTPS or from this machine; for others there is the old way. */
async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text);
  }
}

function copyBySelection(text: string): boolean {
  const area = document.createElement('textarea');
  area.value = text;
  area.className = 'visually-hidden';
  document.body.append(area);
  const focused = document.activeElement;
  area.select();
  const done = document.execCommand('copy');
  area.remove();
  if (focused instanceof HTMLElement) focused.focus();
  return done;
}

/** A command to take to a terminal. */
export function Command({ title, text }: { readonly title: string; readonly text: string }) {
  return (
    <div class="command">
      <div class="command-head">
        <span>{title}</span>
        <CopyButton text={text} label={`Copy the command: ${title}`} />
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls sideways has to be reachable by keyboard */}
      <pre tabIndex={0} role="group" aria-label={`Command: ${title}`}>
        <code>{text}</code>
      </pre>
    </div>
  );
}
