import { useEffect, useState } from 'preact/hooks';
import { useConsole } from '../context.ts';
import type { UploadItem } from './queue-types.ts';

/** The uploads of this tab, as they go on. */
export function useUploads(): readonly UploadItem[] {
  const { uploads } = useConsole();
  const [items, setItems] = useState(uploads.items());
  useEffect(() => {
    setItems(uploads.items());
    return uploads.subscribe(() => setItems(uploads.items()));
  }, [uploads]);
  return items;
}
