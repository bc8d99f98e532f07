import type { ComponentChildren } from 'preact';
import type { Pages } from '../use-pages.ts';
import { Button } from './button.tsx';
import { ErrorNotice, Skeleton } from './notices.tsx';

export interface Column<Row> {
  readonly name: string;
  readonly cell: (row: Row) => ComponentChildren;
  /** Numbers and buttons stand at the right. */
  readonly align?: 'right';
  /** On a phone each row is a card; its title has no name before it. */
  readonly isTitle?: boolean;
}

interface TableProps<Row> {
  /** What the table is of, for who can't see where it stands. */
  readonly caption: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly keyOf: (row: Row) => string;
}

/** The roles are said out loud because a phone shows the rows as cards, and browsers take what is no table to look at for none. */
export function Table<Row>({ caption, columns, rows, keyOf }: TableProps<Row>) {
  return (
    <table class="table" role="table">
      <caption class="visually-hidden">{caption}</caption>
      <thead role="rowgroup">
        <tr role="row">
          {columns.map(({ name, align }) => (
            <th key={name} role="columnheader" scope="col" class={align === 'right' ? 'right' : ''}>
              {name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup">
        {rows.map((row) => (
          <tr key={keyOf(row)} role="row">
            {columns.map(({ name, cell, align, isTitle }) => (
              <td
                key={name}
                role="cell"
                data-name={isTitle === true ? undefined : name}
                class={`${align === 'right' ? 'right' : ''} ${isTitle === true ? 'title-cell' : ''}`}
              >
                {cell(row)}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

interface PagedTableProps<Row> extends Omit<TableProps<Row>, 'rows'> {
  readonly pages: Pages<Row>;
  /** Shown in place of a table without rows. */
  readonly empty: ComponentChildren;
}

/** A table of a list that comes in pages: with what stands for it while it comes, where it is empty, and where it fails. */
export function PagedTable<Row>({ pages, empty, ...table }: PagedTableProps<Row>) {
  const { items, error, hasMore, isLoading, loadMore, reload } = pages;
  if (items === null) return error === null ? <Skeleton /> : <ErrorNotice error={error} onRetry={reload} />;
  if (items.length === 0 && error === null) return <>{empty}</>;
  return (
    <>
      <Table {...table} rows={items} />
      {error !== null && <ErrorNotice error={error} onRetry={reload} />}
      {hasMore && (
        <div class="more">
          <Button onClick={loadMore} isBusy={isLoading}>
            Show more
          </Button>
        </div>
      )}
    </>
  );
}
