import { useEffect, useRef } from 'preact/hooks';
import { Icon, type IconName, Mark } from './components/icons.tsx';
import { When } from './components/values.tsx';
import { type Console, useConsole } from './context.ts';
import { AuditPage } from './pages/audit.tsx';
import { HealthPage } from './pages/health.tsx';
import { NotFoundPage } from './pages/not-found.tsx';
import { RepositoriesPage } from './pages/repositories.tsx';
import { RepositoryPage } from './pages/repository.tsx';
import { TokensPage } from './pages/tokens.tsx';
import { linkTo, type Place, usePlace } from './router.ts';
import { useTheme } from './theme.ts';
import { UploadTray } from './uploads/tray.tsx';

interface Section {
  readonly name: string;
  readonly segment: string;
  readonly icon: IconName;
  readonly isFor: (console: Console) => boolean;
}

/** The pages of the console. One is shown to whom the server would answer. */
const SECTIONS: readonly Section[] = [
  {
    name: 'Repositories',
    segment: 'repos',
    icon: 'repository',
    isFor: ({ session }) => session.permissions.maySomewhere('read'),
  },
  { name: 'Tokens', segment: 'tokens', icon: 'token', isFor: () => true },
  { name: 'Audit', segment: 'audit', icon: 'audit', isFor: ({ session }) => session.permissions.may('admin', '*') },
  { name: 'Health', segment: 'health', icon: 'health', isFor: () => true },
];

/** What is around every page: where one may go, who one is, and the uploads. */
export function Shell({ onSignOut }: { readonly onSignOut: () => void }) {
  const shared = useConsole();
  const place = usePlace();
  const main = useRef<HTMLElement>(null);
  const sections = SECTIONS.filter(({ isFor }) => isFor(shared));
  const current = place.path[0] ?? sections[0]?.segment ?? '';
  const shownPath = place.path.join('/');
  const isFirst = useRef(true);

  useEffect(() => {
    // Who follows a link by keyboard or ear goes on at the beginning of what it led to.
    if (!isFirst.current) main.current?.focus();
    isFirst.current = false;
    scrollTo(0, 0);
  }, [shownPath]);

  return (
    <div class="shell">
      {/* A link within the page would change the address, which says where in the console one is. */}
      <button type="button" class="skip-link" onClick={() => main.current?.focus()}>
        Skip to the content
      </button>
      <header class="side">
        <a class="brand" href={linkTo([])}>
          <Mark />
          Artifortress
        </a>
        <nav aria-label="Console">
          <ul>
            {sections.map(({ name, segment, icon }) => (
              <li key={segment}>
                <a href={linkTo([segment])} aria-current={segment === current ? 'page' : undefined}>
                  <Icon name={icon} />
                  <span>{name}</span>
                </a>
              </li>
            ))}
          </ul>
        </nav>
        <Account onSignOut={onSignOut} />
      </header>
      <main ref={main} tabIndex={-1} class="content">
        <PageAt
          place={place}
          home={sections[0]?.segment ?? 'tokens'}
          isAllowed={sections.some((one) => one.segment === current)}
        />
      </main>
      <UploadTray />
    </div>
  );
}

function Account({ onSignOut }: { readonly onSignOut: () => void }) {
  const { subject, expiresAtUtc } = useConsole().session.identity;
  const { theme, next } = useTheme();
  return (
    <div class="account">
      <p>
        <strong title={subject}>{subject}</strong>
        <span class="hint">
          Token ends <When atUtc={expiresAtUtc} />
        </span>
      </p>
      <button
        type="button"
        class="icon-button"
        onClick={next}
        title={`Colours: ${theme}`}
        aria-label={`Colours: ${theme}. Change them`}
      >
        <Icon name="theme" />
      </button>
      <button type="button" class="icon-button" onClick={onSignOut} title="Sign out" aria-label="Sign out">
        <Icon name="out" />
      </button>
    </div>
  );
}

interface PageAtProps {
  readonly place: Place;
  /** The section that an empty address means. */
  readonly home: string;
  readonly isAllowed: boolean;
}

function PageAt({ place, home, isAllowed }: PageAtProps) {
  const [section = home, ...rest] = place.path;
  if (!isAllowed) return <NotFoundPage />;
  switch (section) {
    case 'repos':
      return rest.length === 0 ? <RepositoriesPage /> : <RepositoryPage path={rest} query={place.query} />;
    case 'tokens':
      return <TokensPage />;
    case 'audit':
      return <AuditPage query={place.query} />;
    case 'health':
      return <HealthPage />;
    default:
      return <NotFoundPage />;
  }
}
