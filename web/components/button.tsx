import type { ComponentChildren } from 'preact';
import { Icon, type IconName } from './icons.tsx';

interface ButtonProps {
  readonly children: ComponentChildren;
  readonly icon?: IconName;
  readonly kind?: 'primary' | 'plain' | 'quiet' | 'danger';
  readonly type?: 'button' | 'submit';
  readonly isDisabled?: boolean;
  /** Its work is going on: it takes no second click, and stays where the focus is. */
  readonly isBusy?: boolean;
  /** Where the text alone, read out of its context, would not tell which of many it is. */
  readonly label?: string;
  readonly onClick?: () => void;
}

export function Button({ children, icon, kind = 'plain', type = 'button', ...props }: ButtonProps) {
  const { isDisabled = false, isBusy = false, label, onClick } = props;
  return (
    <button
      class={`button button-${kind}`}
      type={type}
      disabled={isDisabled}
      aria-disabled={isBusy}
      aria-busy={isBusy}
      aria-label={label}
      onClick={(event) => {
        if (isBusy) event.preventDefault();
        else onClick?.();
      }}
    >
      {icon !== undefined && <Icon name={icon} />}
      <span>{children}</span>
    </button>
  );
}

interface IconButtonProps {
  readonly icon: IconName;
  /** What it does, and to what. */
  readonly label: string;
  readonly isDanger?: boolean;
  readonly isDisabled?: boolean;
  readonly onClick: () => void;
}

/** A button that is a drawing alone; its label is read out, and shown by the browser when one points at it. */
export function IconButton({ icon, label, isDanger = false, isDisabled = false, onClick }: IconButtonProps) {
  return (
    <button
      class={isDanger ? 'icon-button icon-button-danger' : 'icon-button'}
      type="button"
      title={label}
      aria-label={label}
      disabled={isDisabled}
      onClick={onClick}
    >
      <Icon name={icon} />
    </button>
  );
}
