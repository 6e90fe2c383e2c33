/** Hosts before they are a cluster: named, logged in to, their keys confirmed. For the wizard and for the page of hosts. */
export { Credentials } from "./credentials";
export { HostKeys } from "./host-keys";
export { empty, flawOf, loginOf, secretsFor, withLogin, type Login } from "./login";
export { isAsked } from "./obstacle";
export { Obstacles } from "./obstacles";
export { OwnLogins } from "./own-fields";
export { isOf, ownSecrets, ownSecretsFor, sharesLogin, type OwnSecret } from "./own-logins";
export { read } from "./paste";
export { PasteHosts, useReading } from "./paste-hosts";
export type { Pasted, Reading, Role, Wrong } from "./pasted";
