import { useId, useState, type KeyboardEvent } from "react";
import { useText } from "../i18n";

type Option = { id: string; text: string; /** What sort of thing it is, said at its right. */ kind?: string };
type Props = { label: string; options: Option[]; onChoose: (id: string) => void };

/** Options that are shown at once. */
const MOST = 12;

/** Those whose text has every typed word, those that begin with the first word before the others. */
export function matching(options: Option[], typed: string): Option[] {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = options.filter(({ text, kind }) => words.every((word) => `${text} ${kind ?? ""}`.toLowerCase().includes(word)));
  const begins = ({ text }: Option) => text.toLowerCase().startsWith(words[0] ?? "");
  return [...fits.filter(begins), ...fits.filter((option) => !begins(option))].slice(0, MOST);
}

/** One of many by a few letters of its name: type, go up and down, Enter (WAI-ARIA's combobox with a list). */
export function Choose({ label, options, onChoose }: Props) {
  const t = useText();
  const id = useId();
  const [typed, setTyped] = useState("");
  const [at, setAt] = useState(0);
  const shown = matching(options, typed);
  const chosen = shown[Math.min(at, shown.length - 1)];
  const press = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined) setAt((Math.min(at, shown.length - 1) + step + shown.length) % Math.max(1, shown.length));
    else if (event.key === "Enter" && chosen) onChoose(chosen.id);
    else return;
    event.preventDefault();
  };
  return (
    <div className="choose">
      <input
        role="combobox" aria-expanded="true" aria-controls={`${id}-list`} aria-label={label} aria-autocomplete="list" placeholder={label}
        {...(chosen && { "aria-activedescendant": `${id}-${chosen.id}` })}
        value={typed} autoFocus autoComplete="off" spellCheck={false} onKeyDown={press}
        onChange={(event) => { setTyped(event.target.value); setAt(0); }}
      />
      <ul id={`${id}-list`} role="listbox" aria-label={label}>
        {shown.map((option) => (
          <li key={option.id} id={`${id}-${option.id}`} role="option" aria-selected={option === chosen} onClick={() => onChoose(option.id)}>
            {option.text} <span className="muted">{option.kind}</span>
          </li>
        ))}
      </ul>
      {shown.length === 0 && <p className="muted" role="status">{t("kit.noneFound")}</p>}
    </div>
  );
}
