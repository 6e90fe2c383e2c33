// Its styles stand with the others, so that ours come after them.
import "@patternfly/react-styles/css/components/Backdrop/backdrop.css";
import "@patternfly/react-styles/css/components/ModalBox/modal-box.css";
import { useEffect, useId, useState, type ReactNode } from "react";
import { useText } from "../i18n";
import { Button } from "./button";
import { Field, Form } from "./form";

type Props = {
  title: string;
  open: boolean;
  onClose: () => void;
  actions?: ReactNode;
  /** Its upper edge stays where it is while it grows and shrinks. */
  top?: boolean;
  children: ReactNode;
};

/** The parts below, once they have come: on the heels of the first page, so that they are there before anything is opened. */
let parts: typeof import("./modal") | undefined;

function useParts(open: boolean) {
  const [there, setThere] = useState(parts);
  useEffect(() => {
    if (there) return;
    // On a line that is down now they are asked for again when a dialog is to open.
    void import("./modal").then((come) => setThere((parts = come)), () => undefined);
  }, [there, open]);
  return there;
}

/** Asks for one decision. It takes the focus and gives it back; Escape and the cross leave everything as it was. */
export function Dialog({ title, open, onClose, actions, children }: Props) {
  const id = useId();
  const below = useParts(open);
  if (!below || !open) return null;
  const { Modal, ModalBody, ModalFooter, ModalHeader } = below;
  return (
    <Modal variant="medium" isOpen onClose={onClose} aria-labelledby={`${id}-title`} aria-describedby={`${id}-body`}>
      <ModalHeader title={title} labelId={`${id}-title`} />
      <ModalBody id={`${id}-body`}>{children}</ModalBody>
      {actions && <ModalFooter>{actions}</ModalFooter>}
    </Modal>
  );
}

type DestroyProps = {
  title: string;
  open: boolean;
  onClose: () => void;
  onConfirm: () => void;
  busy?: boolean;
  /** The verb on the button: "Delete the bundle". */
  verb: string;
  /** What must be typed: the name of the thing. */
  name: string;
  /** What is lost with it. */
  children: ReactNode;
};

/** For what cannot be taken back: the name is typed, what is lost is said, and the focus stands on the way out. */
export function DestroyDialog({ title, open, onClose, onConfirm, busy = false, verb, name, children }: DestroyProps) {
  const t = useText();
  const [typed, setTyped] = useState("");
  const close = () => {
    setTyped("");
    onClose();
  };
  const confirm = () => typed === name && onConfirm();
  return (
    <Dialog title={title} open={open} onClose={close}>
      <Form onSubmit={confirm}>
        {children}
        <Field label={t("kit.typeName", { name })} value={typed} onChange={setTyped} autoComplete="off" />
        <div className="row">
          <Button onClick={close} autoFocus>{t("kit.cancel")}</Button>
          <Button kind="danger" type="submit" busy={busy} disabled={typed !== name}>{verb}</Button>
        </div>
      </Form>
    </Dialog>
  );
}
