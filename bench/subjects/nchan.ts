/**
 * nchan, the push module of nginx, where it is installed: one process, as Halley
 * is one, with messages in memory.
 * @module
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { freePort } from "../services.ts";

const NGINX = ["/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/sbin/nginx"];
const MODULES = [
  "/usr/lib/nginx/modules/ngx_nchan_module.so",
  "/usr/lib64/nginx/modules/ngx_nchan_module.so",
];

/** Where nginx is. */
export function nginx(): string | undefined {
  return NGINX.find(existsSync);
}

/** Whether it is here. */
export function hasNchan(): boolean {
  return nginx() !== undefined && MODULES.some(existsSync);
}

/** How it is started, where it listens, and how its files are removed. */
export interface Nchan {
  readonly command: string[];
  readonly port: number;
  clean(): void;
}

/** Writes its configuration. */
export async function nchan(heartbeat: number): Promise<Nchan> {
  const port = await freePort();
  const folder = mkdtempSync(`${tmpdir()}/bench-nchan-`);
  const seconds = Math.max(1, Math.round(heartbeat / 1_000));
  writeFileSync(
    `${folder}/nginx.conf`,
    `load_module ${MODULES.find(existsSync)};
daemon off;
master_process off;
pid ${folder}/pid;
error_log ${folder}/error.log;
events { worker_connections 19900; }
http {
  access_log off;
  keepalive_requests 100000000;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  client_body_buffer_size 1m;
  nchan_max_reserved_memory 512M;
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location = /healthz { return 200 "ok"; }
    location ~ ^/pub/(.+)$ {
      nchan_publisher;
      nchan_channel_id $1;
      nchan_message_buffer_length 1024;
      nchan_message_timeout 5m;
    }
    location ~ ^/sub/(.+)$ {
      nchan_subscriber;
      nchan_channel_id $1;
      nchan_channel_id_split_delimiter ",";
      nchan_subscriber_first_message newest;
      nchan_eventsource_ping_interval ${seconds};
    }
  }
}
`,
  );
  return {
    command: [nginx()!, "-p", folder, "-c", `${folder}/nginx.conf`],
    port,
    clean: () => rmSync(folder, { recursive: true, force: true }),
  };
}
