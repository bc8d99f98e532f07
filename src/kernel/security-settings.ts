import { z } from 'zod';
import { addressList, originList, setting, wholeNumber, yesOrNo } from './setting.ts';

/** Who is believed, who is let in, what is proved. */
export const SECURITY_SETTINGS = {
  tlsCertificateFile: setting(
    'ARTIFORTRESS_TLS_CERT_FILE',
    z.string().min(1),
    undefined,
    'PEM file of the certificate chain to serve HTTPS with. Read again when it changes. Unset: HTTP, for a proxy in front that ends TLS.',
  ),
  tlsKeyFile: setting(
    'ARTIFORTRESS_TLS_KEY_FILE',
    z.string().min(1),
    undefined,
    'PEM file of the private key of the certificate.',
  ),
  corsOrigins: setting(
    'ARTIFORTRESS_CORS_ORIGINS',
    originList,
    undefined,
    'Origins (https://ui.example.com) whose pages may call this server, divided by commas, or *. Unset: none.',
  ),
  allowPrivateUpstreams: setting(
    'ARTIFORTRESS_ALLOW_PRIVATE_UPSTREAMS',
    yesOrNo,
    'false',
    'Whether a remote repository may name an upstream on this machine or in a private network.',
  ),
  authFailuresPerMinute: setting(
    'ARTIFORTRESS_AUTH_FAILURES_PER_MINUTE',
    wholeNumber(1, 1_000_000),
    '600',
    'Refused secrets that one address may send a minute; the next are answered 429. Good tokens are let in all the same.',
  ),
  tokenFailuresPerMinute: setting(
    'ARTIFORTRESS_TOKEN_FAILURES_PER_MINUTE',
    wholeNumber(1, 1_000_000),
    '120',
    'How often a minute one token may be refused; then it is answered 429 without being looked up.',
  ),
  trustedProxies: setting(
    'ARTIFORTRESS_TRUSTED_PROXIES',
    addressList,
    undefined,
    'Addresses and networks (10.0.0.0/8) of proxies, divided by commas, whose X-Forwarded-For is believed. Unset: nobody is.',
  ),
  oidcFile: setting(
    'ARTIFORTRESS_OIDC_FILE',
    z.string().min(1),
    undefined,
    'JSON file of the issuers whose JWTs can be exchanged for tokens, and of what their claims are worth (docs/security.md). Unset: none.',
  ),
  signingKeyFile: setting(
    'ARTIFORTRESS_SIGNING_KEY_FILE',
    z.string().min(1),
    undefined,
    'PEM file of the Ed25519 key that seals the audit trail and signs receipts. Unset: one is generated and kept in the database, where whoever may write to it could sign too.',
  ),
  auditRetentionDays: setting(
    'ARTIFORTRESS_AUDIT_RETENTION_DAYS',
    wholeNumber(1, 36_500),
    undefined,
    'How long audit rows are kept; what is removed leaves its signed checkpoint behind. Unset: for ever.',
  ),
} as const;
