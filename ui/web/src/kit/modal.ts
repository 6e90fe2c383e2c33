/** What a dialog is made of, in a file of its own: no first page has one open. */
export { Modal, ModalBody, ModalFooter, ModalHeader } from "@patternfly/react-core/dist/esm/components/Modal";
