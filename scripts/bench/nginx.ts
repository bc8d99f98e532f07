import { mkdirSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { startChild } from './child.ts';
import { answers, freePort } from './loopback.ts';
import { findProgram, outputOf, versionIn } from './programs.ts';
import { type MissingSubject, rangeHeaders, type Subject } from './subject.ts';

export const NGINX = 'nginx';

/** Starts nginx over a folder of plain files: the bound for downloads. Uploads to it are files written beside it. */
export async function startNginx(stack: AsyncDisposableStack, root: string): Promise<Subject | MissingSubject> {
  const program = findProgram('nginx');
  if (program === null) return { name: NGINX, remedy: 'apt-get install --no-install-recommends nginx-light' };
  const port = await freePort();
  const folder = join(root, 'nginx');
  const filesFolder = join(folder, 'files');
  mkdirSync(filesFolder, { recursive: true });
  const configPath = join(folder, 'nginx.conf');
  writeFileSync(configPath, configuration(port, folder, filesFolder));
  const args = ['-c', configPath, '-e', join(folder, 'error.log')];
  const child = startChild(stack, { name: NGINX, file: program, args, folder });
  await child.readyAfterMs(() => answers(port, '/'));

  return {
    name: NGINX,
    version: versionIn(outputOf(program, ['-v'])),
    port,
    usage: child.usage,
    async put(_connection, { digest, body }) {
      const file = await open(join(filesFolder, digest), 'w');
      try {
        for (const chunk of body().chunks) await file.write(chunk);
      } finally {
        await file.close();
      }
    },
    async get(connection, digest, take, range) {
      const target = `/${digest}`;
      return connection.request({ step: 'get', method: 'GET', target, headers: rangeHeaders(range), take });
    },
  };
}

function configuration(port: number, folder: string, filesFolder: string): string {
  // Started by root, its workers would become another user, who can't read a private temporary folder.
  const user = process.getuid?.() === 0 ? 'user root;' : '';
  return `
daemon off;
worker_processes auto;
pid ${join(folder, 'nginx.pid')};
${user}
events { worker_connections 256; }
http {
  access_log off;
  sendfile on;
  default_type application/octet-stream;
  keepalive_requests 1000000000;
  client_body_temp_path ${join(folder, 'body')};
  proxy_temp_path ${join(folder, 'proxy')};
  fastcgi_temp_path ${join(folder, 'fastcgi')};
  uwsgi_temp_path ${join(folder, 'uwsgi')};
  scgi_temp_path ${join(folder, 'scgi')};
  server { listen 127.0.0.1:${port}; root ${filesFolder}; }
}
`;
}
