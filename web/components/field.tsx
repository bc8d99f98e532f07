import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';

interface FieldProps {
  readonly label: string;
  readonly hint?: ComponentChildren;
  readonly value: string;
  readonly onInput: (value: string) => void;
  readonly type?: 'text' | 'password' | 'search' | 'number' | 'datetime-local';
  readonly isRequired?: boolean;
  readonly placeholder?: string;
  readonly autoComplete?: string;
  readonly isMono?: boolean;
  /** Alone in its line of a filter. */
  readonly isWide?: boolean;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly pattern?: string;
  readonly suggestions?: readonly string[];
}

/** A named line of text, with what is to be said about it. */
export function TextField({ label, hint, value, onInput, type = 'text', ...props }: FieldProps) {
  const id = useId();
  return (
    <div class={props.isWide === true ? 'field field-wide' : 'field'}>
      <label for={id}>{label}</label>
      <input
        id={id}
        type={type}
        class={props.isMono === true ? 'mono' : ''}
        value={value}
        required={props.isRequired === true}
        placeholder={props.placeholder}
        autocomplete={props.autoComplete ?? 'off'}
        autocapitalize="none"
        spellcheck={false}
        min={props.minimum}
        max={props.maximum}
        pattern={props.pattern}
        list={props.suggestions === undefined ? undefined : `${id}-list`}
        aria-describedby={hint === undefined ? undefined : `${id}-hint`}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
      {props.suggestions !== undefined && (
        <datalist id={`${id}-list`}>
          {props.suggestions.map((suggestion) => (
            <option key={suggestion} value={suggestion} />
          ))}
        </datalist>
      )}
      {hint !== undefined && (
        <p class="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
    </div>
  );
}

interface SelectProps<Value extends string> {
  readonly label: string;
  readonly value: Value;
  readonly options: readonly (readonly [Value, string])[];
  readonly onChange: (value: Value) => void;
}

export function SelectField<Value extends string>({ label, value, options, onChange }: SelectProps<Value>) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <select
        id={id}
        value={value}
        onChange={(event) => {
          const chosen = options.find(([option]) => option === event.currentTarget.value);
          if (chosen !== undefined) onChange(chosen[0]);
        }}
      >
        {options.map(([option, text]) => (
          <option key={option} value={option}>
            {text}
          </option>
        ))}
      </select>
    </div>
  );
}

interface ChoicesProps<Value extends string> {
  readonly legend: string;
  readonly options: readonly (readonly [Value, string])[];
  readonly chosen: readonly Value[];
  readonly onChange: (chosen: readonly Value[]) => void;
}

/** Any number of choices. */
export function Choices<Value extends string>({ legend, options, chosen, onChange }: ChoicesProps<Value>) {
  return (
    <fieldset class="choices">
      <legend>{legend}</legend>
      {options.map(([option, text]) => (
        <label key={option} class="choice">
          <input
            type="checkbox"
            checked={chosen.includes(option)}
            onChange={(event) =>
              onChange(event.currentTarget.checked ? [...chosen, option] : chosen.filter((one) => one !== option))
            }
          />
          <span>
            <strong>{option}</strong> {text}
          </span>
        </label>
      ))}
    </fieldset>
  );
}
