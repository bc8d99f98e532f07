/** Bytes on a fresh connection, and the statuses of all that must come back before the server closes it. */
export interface FramingCase {
  name: string;
  send: string[];
  statuses: number[];
  /** Which of two is answered depends on what comes to the server first; the other must not be. */
  either?: boolean;
}

const CRLF = '\r\n';
const HOST = `Host: a${CRLF}`;
/** Were it ever answered, a body would have been taken for a request. */
const SMUGGLED = `GET /smuggled HTTP/1.1${CRLF}${HOST}${CRLF}`;
const CLOSE = `Connection: close${CRLF}`;

/** Takes JSON of anybody. */
const EXCHANGE = '/v1/auth/oidc/exchange';
const JSON_TYPE = `Content-Type: application/json${CRLF}`;

const post = (headers: string, body = '', path = '/v1/nowhere'): string =>
  `POST ${path} HTTP/1.1${CRLF}${HOST}${JSON_TYPE}${headers}${CRLF}${body}`;
const get = (headers = '', path = '/health/live'): string => `GET ${path} HTTP/1.1${CRLF}${HOST}${headers}${CRLF}`;

const refused = (name: string, ...send: string[]): FramingCase => ({ name, send, statuses: [400] });

/** Where a request ends has to be beyond doubt (RFC 9112 §6.3, §11.2). */
export const AMBIGUOUS_LENGTHS: FramingCase[] = [
  refused('two lengths', post(`Content-Length: 0${CRLF}Content-Length: ${SMUGGLED.length}${CRLF}`, SMUGGLED)),
  refused('two equal lengths', post(`Content-Length: 2${CRLF}Content-Length: 2${CRLF}`, '{}')),
  refused('a list of lengths', post(`Content-Length: 2, 2${CRLF}`, '{}')),
  refused('a length with a sign', post(`Content-Length: +2${CRLF}`, '{}')),
  refused('a length below zero', post(`Content-Length: -1${CRLF}`, '{}')),
  refused('a length in hex', post(`Content-Length: 0x2${CRLF}`, '{}')),
  refused('a length with a point', post(`Content-Length: 2.0${CRLF}`, '{}')),
  refused('a length with a blank inside', post(`Content-Length: 1 0${CRLF}`, '{}')),
  refused('an empty length', post(`Content-Length: ${CRLF}`, '{}')),
  refused('a length beyond 64 bits', post(`Content-Length: 18446744073709551617${CRLF}`, '{}')),
  refused('a length with a no-break space', post(`Content-Length: \xa02${CRLF}`, '{}')),
  refused(
    'pieces and a length (TE.CL)',
    post(`Transfer-Encoding: chunked${CRLF}Content-Length: 4${CRLF}`, `0${CRLF}${CRLF}${SMUGGLED}`),
  ),
  refused(
    'a length and pieces (CL.TE)',
    post(`Content-Length: 4${CRLF}Transfer-Encoding: chunked${CRLF}`, `0${CRLF}${CRLF}${SMUGGLED}`),
  ),
  refused('a blank before the colon of a coding', post(`Transfer-Encoding : chunked${CRLF}`, `0${CRLF}${CRLF}`)),
  refused('a blank before the colon of a length', post(`Content-Length : 2${CRLF}`, '{}')),
  refused('a coding with a vertical tab', post(`Transfer-Encoding: \vchunked${CRLF}`, `0${CRLF}${CRLF}${SMUGGLED}`)),
  refused('a coding that is not chunked', post(`Transfer-Encoding: identity${CRLF}`, SMUGGLED)),
  refused('a coding that only ends so', post(`Transfer-Encoding: xchunked${CRLF}`, `0${CRLF}${CRLF}${SMUGGLED}`)),
  refused('a coding behind chunked', post(`Transfer-Encoding: chunked, identity${CRLF}`, `0${CRLF}${CRLF}`)),
  refused('chunked twice', post(`Transfer-Encoding: chunked, chunked${CRLF}`, `0${CRLF}${CRLF}`)),
  refused('a coding in quotes', post(`Transfer-Encoding: "chunked"${CRLF}`, `0${CRLF}${CRLF}${SMUGGLED}`)),
  refused('an empty coding', post(`Transfer-Encoding: ${CRLF}`, SMUGGLED)),
];

/** Pieces (RFC 9112 §7.1). */
export const BROKEN_PIECES: FramingCase[] = [
  ['no size', `${CRLF}${CRLF}`],
  ['a size that is no number', `xyz${CRLF}{}${CRLF}0${CRLF}${CRLF}`],
  ['a size with 0x', `0x2${CRLF}{}${CRLF}0${CRLF}${CRLF}`],
  ['a size below zero', `-2${CRLF}{}${CRLF}0${CRLF}${CRLF}`],
  ['a size beyond 64 bits', `fffffffffffffffff${CRLF}{}${CRLF}0${CRLF}${CRLF}`],
  ['a size with a blank before it', ` 2${CRLF}{}${CRLF}0${CRLF}${CRLF}`],
  ['a piece longer than its size', `1${CRLF}{}${CRLF}0${CRLF}${CRLF}`],
  ['no line break behind a piece', `2${CRLF}{}0${CRLF}${CRLF}`],
  ['bare LF behind a size', `2\n{}\n0\n\n`],
  ['bare CR behind a size', `2\r{}\r0\r\r`],
  ['a NUL in an extension', `2;a=\0${CRLF}{}${CRLF}0${CRLF}${CRLF}`],
  ['bare LF in an extension', `2;\n{}${CRLF}0${CRLF}${CRLF}`],
  ['a trailer that names a length', `0${CRLF}Content-Length: 90${CRLF}${CRLF}`],
]
  // On a route that reads it, and in one that answers before.
  .flatMap(([name = '', body = '']) => [
    refused(name, post(`Transfer-Encoding: chunked${CRLF}`, body, EXCHANGE)),
    {
      ...refused(`${name}, unread`, post(`Transfer-Encoding: chunked${CRLF}`, body)),
      statuses: [400, 404],
      either: true,
    },
  ]);

/** Lines and names (RFC 9112 §2.2, §5). */
export const BROKEN_HEADS: FramingCase[] = [
  refused('a bare CR between headers', `GET / HTTP/1.1${CRLF}${HOST}X: a\rY: b${CRLF}${CRLF}`),
  refused('a bare CR in the request line', `GET /\r HTTP/1.1${CRLF}${HOST}${CRLF}`),
  refused('bare LF throughout', 'GET / HTTP/1.1\nHost: a\n\n'),
  refused('bare LF behind a header', `GET / HTTP/1.1${CRLF}Host: a\nX: b${CRLF}${CRLF}`),
  refused('a folded header (obs-fold)', `GET / HTTP/1.1${CRLF}${HOST}X: a${CRLF} b${CRLF}${CRLF}`),
  refused('a folded coding', post(`Transfer-Encoding:${CRLF} chunked${CRLF}`, `0${CRLF}${CRLF}${SMUGGLED}`)),
  refused('a first header that is folded', `GET / HTTP/1.1${CRLF} Host: a${CRLF}${CRLF}`),
  refused('no Host', `GET / HTTP/1.1${CRLF}${CLOSE}${CRLF}`),
  refused('two Hosts', `GET / HTTP/1.1${CRLF}${HOST}Host: b${CRLF}${CLOSE}${CRLF}`),
  refused('a NUL in a header', `GET / HTTP/1.1${CRLF}${HOST}X: a\0b${CRLF}${CRLF}`),
  refused('a NUL in a name', `GET / HTTP/1.1${CRLF}${HOST}X\0: a${CRLF}${CRLF}`),
  refused('a NUL in the path', `GET /\0 HTTP/1.1${CRLF}${HOST}${CRLF}`),
  refused('a blank in the path', `GET /a b HTTP/1.1${CRLF}${HOST}${CRLF}`),
  refused('a letter beyond ASCII in a name', `GET / HTTP/1.1${CRLF}${HOST}\xfc: a${CRLF}${CRLF}`),
  refused('a header without a name', `GET / HTTP/1.1${CRLF}${HOST}: a${CRLF}${CRLF}`),
  refused('a header without a colon', `GET / HTTP/1.1${CRLF}${HOST}Authorization${CRLF}${CRLF}`),
  refused('HTTP/0.9', `GET /${CRLF}`),
  refused('a version that there is not', `GET / HTTP/1.2.3${CRLF}${HOST}${CRLF}`),
  refused('HTTP/2 without being asked', `PRI * HTTP/2.0${CRLF}${CRLF}SM${CRLF}${CRLF}`),
  refused('another protocol', `GET / HTTQ/1.1${CRLF}${HOST}${CRLF}`),
  refused('a method in small letters', `get / HTTP/1.1${CRLF}${HOST}${CRLF}`),
  refused('a method that there is not', `FETCH / HTTP/1.1${CRLF}${HOST}${CRLF}`),
  refused('a path that does not begin with a slash', `GET health/live HTTP/1.1${CRLF}${HOST}${CLOSE}${CRLF}`),
  refused('a greeting of SSH', `SSH-2.0-OpenSSH_9.6${CRLF}`),
  refused('a greeting of TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'),
  refused('headers of 20,000 bytes', get(`X: ${'a'.repeat(20_000)}${CRLF}`)),
  refused('thousands of headers', get(`a:${CRLF}`.repeat(8_000))),
  refused('a path of 20,000 bytes', get('', `/${'a'.repeat(20_000)}`)),
  refused(
    'a head without end',
    `GET / HTTP/1.1${CRLF}`,
    ...Array.from({ length: 40 }, () => `X: ${'a'.repeat(500)}${CRLF}`),
  ),
];

/** What is unusual, and plain. */
export const ODD_BUT_PLAIN: FramingCase[] = [
  { name: 'an absolute target (RFC 9112 §3.2.2)', send: [get(CLOSE, 'http://a/health/live')], statuses: [200] },
  { name: 'an absolute target of elsewhere', send: [get(CLOSE, 'http://evil.example/health/live')], statuses: [200] },
  { name: 'an absolute target that is no route', send: [get(CLOSE, 'http://a/nowhere')], statuses: [404] },
  { name: 'a fragment', send: [get(CLOSE, '/health/live#x')], statuses: [200] },
  { name: 'HTTP/0.9 by number', send: [`GET /health/live HTTP/0.9${CRLF}${HOST}${CRLF}`], statuses: [400] },
  { name: 'an asterisk', send: [`OPTIONS * HTTP/1.1${CRLF}${HOST}${CLOSE}${CRLF}`], statuses: [404] },
  { name: 'CONNECT', send: [`CONNECT a:443 HTTP/1.1${CRLF}${HOST}${CRLF}`], statuses: [405] },
  { name: 'TRACE', send: [`TRACE / HTTP/1.1${CRLF}${HOST}${CLOSE}${CRLF}`], statuses: [405] },
  { name: 'HTTP/1.0', send: [`GET /health/live HTTP/1.0${CRLF}${CRLF}`], statuses: [200] },
  {
    name: 'an upgrade to WebSocket',
    send: [get(`Connection: close, Upgrade${CRLF}Upgrade: websocket${CRLF}`)],
    statuses: [200],
  },
  {
    name: 'an upgrade to HTTP/2',
    send: [get(`Connection: close, Upgrade${CRLF}Upgrade: h2c${CRLF}HTTP2-Settings: AAMAAABkAAQAAP__${CRLF}`)],
    statuses: [200],
  },
  { name: 'a body of a GET', send: [`${get(`Content-Length: 2${CRLF}`)}{}${get(CLOSE)}`], statuses: [200, 200] },
  {
    name: 'a body of a GET that looks like a request',
    send: [get(`Content-Length: ${SMUGGLED.length}${CRLF}`) + SMUGGLED + get(CLOSE)],
    statuses: [200, 200],
  },
  {
    name: 'a body in pieces, with a trailer',
    send: [post(`Transfer-Encoding: chunked${CRLF}`, `0${CRLF}X: 90${CRLF}${CRLF}`) + get(CLOSE)],
    statuses: [404, 200],
  },
  { name: 'byte by byte', send: get(CLOSE).split(''), statuses: [200] },
];

/** Requests behind requests: every answer to its own, in order, and none for what broke before its turn. */
export const PIPELINES: FramingCase[] = [
  { name: 'three good ones', send: [get() + get('', '/') + get(CLOSE)], statuses: [200, 200, 200] },
  { name: 'a good one behind a refused one', send: [get('', '/nowhere') + get(CLOSE)], statuses: [404, 200] },
  {
    name: 'a good one behind a refused body',
    send: [post(`Content-Length: 2${CRLF}`, '{}') + get(CLOSE)],
    statuses: [404, 200],
  },
  { name: 'garbage behind a good one', send: [`${get()}garbage${CRLF}${CRLF}`], statuses: [200, 400] },
  { name: 'garbage behind two good ones', send: [`${get() + get('', '/')}\0\0\0${CRLF}`], statuses: [200, 200, 400] },
  { name: 'a good one behind garbage', send: [`garbage${CRLF}${CRLF}${get()}`], statuses: [400] },
  {
    name: 'a good one behind two lengths',
    send: [post(`Content-Length: 2${CRLF}Content-Length: 3${CRLF}`, '{}') + get()],
    statuses: [400],
  },
  { name: 'a good one behind a request to close', send: [get(CLOSE) + get()], statuses: [200] },
];
