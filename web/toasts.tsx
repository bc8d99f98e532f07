import { useCallback, useEffect, useRef, useState } from 'preact/hooks';

const SHOWN_MS = 5_000;
const EVENT = 'artifortress-announce';

/** Tells a person, and a screen reader, what has just happened; {@link Toasts} shows it. */
export function announce(message: string): void {
  dispatchEvent(new CustomEvent(EVENT, { detail: message }));
}

/** What was announced lately, for everybody to see and to hear. */
export function Toasts() {
  const [messages, setMessages] = useState<readonly { readonly id: number; readonly text: string }[]>([]);
  const last = useRef(0);
  const add = useCallback((event: Event) => {
    if (!(event instanceof CustomEvent)) return;
    last.current += 1;
    const message = { id: last.current, text: String(event.detail) };
    setMessages((before) => [...before.slice(-2), message]);
    setTimeout(() => setMessages((before) => before.filter(({ id }) => id !== message.id)), SHOWN_MS);
  }, []);
  useEffect(() => {
    addEventListener(EVENT, add);
    return () => removeEventListener(EVENT, add);
  }, [add]);
  return (
    <div class="toasts" role="status" aria-live="polite">
      {messages.map(({ id, text }) => (
        <p key={id} class="toast">
          {text}
        </p>
      ))}
    </div>
  );
}
