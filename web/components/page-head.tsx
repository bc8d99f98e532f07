import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';

interface PageHeadProps {
  readonly title: string;
  readonly intro?: ComponentChildren;
  /** Where this is, as links from the outermost in. */
  readonly crumbs?: readonly { readonly name: string; readonly href: string }[];
  readonly actions?: ComponentChildren;
}

/** The head of a page; also names the browser's tab. */
export function PageHead({ title, intro, crumbs = [], actions }: PageHeadProps) {
  useEffect(() => {
    document.title = `${title} · Artifortress`;
  }, [title]);
  return (
    <div class="page-head">
      {crumbs.length > 0 && (
        <nav class="crumbs" aria-label="Where this is">
          {crumbs.map(({ name, href }) => (
            <a key={href} href={href}>
              {name}
            </a>
          ))}
        </nav>
      )}
      <div class="page-title">
        <h1>{title}</h1>
        {actions !== undefined && <div class="page-actions">{actions}</div>}
      </div>
      {intro !== undefined && <div class="page-intro">{intro}</div>}
    </div>
  );
}
