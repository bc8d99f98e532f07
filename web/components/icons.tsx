/** Line drawings on a grid of 24, in the colour of the text around them. They say nothing that the text does not. */
const PATHS = {
  repository: 'M4 7l8-4 8 4v10l-8 4-8-4V7zM4 7l8 4 8-4M12 11v10',
  token: 'M15.5 3.5a5 5 0 1 1-4.7 6.7L4 17v3.5h3.5V18H10v-2.5h2l1.7-1.7M16.5 7.5h.01',
  audit: 'M8 4h8a2 2 0 0 1 2 2v14H6V6a2 2 0 0 1 2-2zM9 9h6M9 13h6M9 17h3',
  health: 'M3 12h4l2-6 4 12 3-8 1.5 2H21',
  upload: 'M12 16V5M7 9.5 12 4.5l5 5M5 19h14',
  download: 'M12 4v11M7 11l5 5 5-5M5 20h14',
  copy: 'M9 9h10v11H9zM5 15V4h10',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  trash: 'M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13M10.5 11v5M13.5 11v5',
  receipt: 'M6 3h12v18l-3-2-3 2-3-2-3 2V3zM9 8h6M9 12h6',
  pause: 'M9 6v12M15 6v12',
  play: 'M8 5.5v13l10-6.5-10-6.5z',
  close: 'M6 6l12 12M18 6 6 18',
  search: 'M11 5a6 6 0 1 1 0 12 6 6 0 0 1 0-12zM15.5 15.5 20 20',
  seal: 'M12 3l7 3v5c0 4.5-3 8-7 10-4-2-7-5.5-7-10V6l7-3zM9 12l2.2 2.2L15.5 10',
  clock: 'M12 4a8 8 0 1 1 0 16 8 8 0 0 1 0-16zM12 8v4.5l3 1.5',
  warning: 'M12 4 2.8 19.5h18.4L12 4zM12 10v4.5M12 17h.01',
  plus: 'M12 5v14M5 12h14',
  refresh: 'M19 12a7 7 0 1 1-2.1-5M19 4v4h-4',
  out: 'M10 5H5v14h5M14 8l4 4-4 4M9 12h9',
  theme: 'M12 4a8 8 0 1 0 8 8 6 6 0 0 1-8-8z',
  people:
    'M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 20a6.5 6.5 0 0 1 13 0M16 4.5a3.5 3.5 0 0 1 0 6.5M18 14.2a6.5 6.5 0 0 1 3.5 5.8',
  file: 'M7 3h7l5 5v13H7V3zM14 3v5h5',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { readonly name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}

/** The mark: battlements with a gate. */
export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="8" />
      <path d="M8 24V10h3v3h3v-3h4v3h3v-3h3v14h-6v-4a2 2 0 0 0-4 0v4z" />
    </svg>
  );
}
