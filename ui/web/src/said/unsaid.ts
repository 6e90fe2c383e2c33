/** Literals that look like sentences and reach no screen, by file (or folder), each with its reason. For the test. */

export const UNSAID: { file: string; why: string; texts?: string[] }[] = [];

/** Commands are the same in every language. */
export const COMMAND =
  /^(?:systemctl|sysctl|hostnamectl|timedatectl|ip|mount|iptables|ufw|modprobe|rm|echo|nft|exec|ctr|chronyc|for m in)\s/;
