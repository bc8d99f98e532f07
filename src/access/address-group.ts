import { isIPv4, isIPv6 } from 'node:net';

const MAPPED_IPV4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;
/** The first 64 of 128 bits: whoever has one IPv6 address has a network of them (RFC 6177). */
const NETWORK_GROUPS = 4;

/** What stands for everybody behind an address: an IPv4 address itself, of an IPv6 address its network of 64 bits. */
export function addressGroup(address: string): string {
  const [text = ''] = address.split('%', 1);
  const mapped = MAPPED_IPV4.exec(text)?.[1];
  if (mapped !== undefined) return mapped;
  if (isIPv4(text)) return text;
  // A proxy that is trusted may pass on anything: all that is no address counts as one.
  return isIPv6(text) ? `${networkOf(text)}::/64` : 'unknown';
}

function networkOf(address: string): string {
  const [head = '', tail] = address.toLowerCase().split('::');
  const groups = head === '' ? [] : head.split(':');
  // Behind "::" only zeros and the tail come, of which at most seven groups are given.
  const given = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : 8 - groups.length - given.length - (address.includes('.') ? 1 : 0);
  const all = [...groups, ...Array<string>(Math.max(0, zeros)).fill('0'), ...given];
  return all
    .slice(0, NETWORK_GROUPS)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':');
}
