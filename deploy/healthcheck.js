// Ends with 0 where the server of this container is ready, with 1 where it is not: HEALTHCHECK runs it, since the image has no curl.
import { request as requestPlain } from 'node:http';
import { request as requestEncrypted } from 'node:https';

const { PORT = '8080', ARTIFORTRESS_TLS_CERT_FILE } = process.env;
const TIMEOUT_MS = 4_000;

const options = {
  host: '127.0.0.1',
  port: Number(PORT),
  path: '/health/ready',
  timeout: TIMEOUT_MS,
  // The certificate is for the public name. Nobody stands between two ends of a loopback address.
  rejectUnauthorized: false,
};
const request = ARTIFORTRESS_TLS_CERT_FILE ? requestEncrypted(options) : requestPlain(options);
request.on('response', (response) => {
  response.resume();
  end(response.statusCode === 200 ? 0 : 1, `answered ${response.statusCode}`);
});
request.on('timeout', () => end(1, `no answer within ${TIMEOUT_MS} ms`));
request.on('error', (error) => end(1, error.message));
request.end();

function end(code, reason) {
  process.stdout.write(`${reason}\n`);
  process.exit(code);
}
