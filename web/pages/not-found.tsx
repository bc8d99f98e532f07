import { EmptyState } from '../components/notices.tsx';
import { PageHead } from '../components/page-head.tsx';
import { linkTo } from '../router.ts';

export function NotFoundPage() {
  return (
    <>
      <PageHead title="Nothing here" />
      <EmptyState icon="search" title="There is no such page, or your token does not open it">
        <p>
          The address may be mistyped, or meant for somebody with more rights. <a href={linkTo([])}>Go to the start</a>.
        </p>
      </EmptyState>
    </>
  );
}
