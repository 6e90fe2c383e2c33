import { useId, type FormEvent, type ReactNode } from "react";
import { useSaid } from "../said";

type FieldProps = {
  label: string;
  value: string;
  onChange: (value: string) => void;
  type?: "text" | "password" | "number";
  /** What is wrong with it, as the server says it or in the reader's language. */
  error?: string | undefined;
  hint?: string;
  lines?: number;
  required?: boolean;
  autoComplete?: string;
  autoFocus?: boolean;
};

/** One labelled input with its error beside it. */
export function Field({ label, value, onChange, type = "text", error, hint, lines, required, autoComplete, autoFocus }: FieldProps) {
  const id = useId();
  const say = useSaid();
  const described = [error && `${id}-error`, hint && `${id}-hint`].filter(Boolean).join(" ") || undefined;
  const shared = {
    id,
    value,
    required,
    autoFocus,
    "aria-invalid": error ? true : undefined,
    "aria-describedby": described,
    className: lines ? "mono" : undefined,
  };
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {lines ? (
        <textarea {...shared} rows={lines} spellCheck={false} onChange={(event) => onChange(event.target.value)} />
      ) : (
        <input {...shared} type={type} autoComplete={autoComplete} onChange={(event) => onChange(event.target.value)} />
      )}
      {error && <p id={`${id}-error`} className="field-error" role="alert">{say(error)}</p>}
      {hint && <p id={`${id}-hint`} className="muted">{hint}</p>}
    </div>
  );
}

type SelectProps = { label: string; value: string; onChange: (value: string) => void; options: { value: string; label: string }[] };

export function Select({ label, value, onChange, options }: SelectProps) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <select id={id} value={value} onChange={(event) => onChange(event.target.value)}>
        {options.map((option) => <option key={option.value} value={option.value}>{option.label}</option>)}
      </select>
    </div>
  );
}

type CheckProps = { label: string; checked: boolean; onChange: (checked: boolean) => void; hint?: string };

/** Yes or no. */
export function Check({ label, checked, onChange, hint }: CheckProps) {
  const id = useId();
  return (
    <div className="field">
      <label className="check">
        <input type="checkbox" checked={checked} aria-describedby={hint && `${id}-hint`} onChange={(event) => onChange(event.target.checked)} />
        {label}
      </label>
      {hint && <p id={`${id}-hint`} className="muted">{hint}</p>}
    </div>
  );
}

/** Sends on Enter; the page is never loaded anew. */
export function Form({ onSubmit, children }: { onSubmit: () => void; children: ReactNode }) {
  const submit = (event: FormEvent) => {
    event.preventDefault();
    onSubmit();
  };
  return <form className="form" noValidate onSubmit={submit}>{children}</form>;
}
