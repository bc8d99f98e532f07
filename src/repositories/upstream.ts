import { BlockList, isIP } from 'node:net';

/** What leads back to this machine or into its own network (IANA special-purpose registries, RFC 6890 and its updates). */
const PRIVATE = new BlockList();
const NETWORKS: [network: string, prefix: number, family: 'ipv4' | 'ipv6'][] = [
  ['0.0.0.0', 8, 'ipv4'],
  ['10.0.0.0', 8, 'ipv4'],
  ['100.64.0.0', 10, 'ipv4'],
  ['127.0.0.0', 8, 'ipv4'],
  // Link-local: where clouds serve credentials.
  ['169.254.0.0', 16, 'ipv4'],
  ['172.16.0.0', 12, 'ipv4'],
  ['192.0.0.0', 24, 'ipv4'],
  ['192.168.0.0', 16, 'ipv4'],
  ['198.18.0.0', 15, 'ipv4'],
  ['224.0.0.0', 3, 'ipv4'],
  // With the addresses that once stood for IPv4 ones (RFC 4291 §2.5.5.1).
  ['::', 96, 'ipv6'],
  // An IPv4 address in disguise: NAT64, Teredo and 6to4. Mapped ones (::ffff:0:0/96) are judged as what they stand for.
  ['64:ff9b::', 32, 'ipv6'],
  ['2001::', 32, 'ipv6'],
  ['2002::', 16, 'ipv6'],
  ['100::', 64, 'ipv6'],
  ['fc00::', 7, 'ipv6'],
  ['fe80::', 10, 'ipv6'],
  ['fec0::', 10, 'ipv6'],
  ['ff00::', 8, 'ipv6'],
];
for (const [network, prefix, family] of NETWORKS) PRIVATE.addSubnet(network, prefix, family);

/** Names of no public registry (RFC 6761, RFC 6762, RFC 8375, and what ICANN keeps free), and names without a dot. */
const LOCAL_NAME =
  /(^|\.)(localhost|local|internal|localdomain|lan|home|corp|intranet|private|svc|home\.arpa)\.?$|^[^.]*\.?$/i;

/**
 * Whether an upstream is plainly not on the internet: by its address, in whatever form it is written, or by a name that only means
 * something in a private network. What another name stands for is known only when it is looked up.
 */
export function isPrivateUpstream(url: string): boolean {
  // The URL parser has made 0x7f.1 and 2130706433 into 127.0.0.1 already (URL Standard, "IPv4 parser").
  const host = new URL(url).hostname.replace(/^\[|\]$/g, '');
  const version = isIP(host);
  if (version === 0) return LOCAL_NAME.test(host);
  return PRIVATE.check(host, version === 4 ? 'ipv4' : 'ipv6');
}
