/** Programs that talk through sockets of the sandbox: AF_UNIX and the loopback. */
import { python, type Line } from './command.js';

const PYTHON: Line[] = [
  python(
    'import http.server as h, os, urllib.request as u, urllib.error\nclass Q(h.SimpleHTTPRequestHandler):\n  def log_message(self, *a): pass\ns=h.ThreadingHTTPServer(("127.0.0.1",0),Q)\nif (p:=os.fork())==0: s.serve_forever()\nfor n in ("text.txt","data.bin","tree/","nosuch"):\n  try: a=u.urlopen("http://127.0.0.1:%d/"%s.server_port+n); b=a.read(); print(n,a.status,a.headers["Content-type"],len(b),"." not in n or b==open(n,"rb").read())\n  except urllib.error.HTTPError as e: print(n,e)\nos.kill(p,15); print(os.waitpid(p,0)[1])',
  ),
  python(
    'import asyncio, os\nasync def echo(r,w):\n  while l:=await r.readline(): w.write(l.upper()); await w.drain()\n  w.close()\nasync def client(n,o):\n  r,w=await o(); s=[]\n  for i in range(10): w.write(b"client %d line %d\\n"%(n,i)); s.append(await r.readline())\n  w.write(b"x"*300000+b"\\n"); s.append(len(await r.readuntil())); w.write_eof(); s.append(await r.read()); w.close(); return s\nasync def main():\n  v=await asyncio.start_server(echo,"127.0.0.1",0,limit=1<<20); p=v.sockets[0].getsockname()[1]\n  print((await asyncio.gather(*(client(i,lambda: asyncio.open_connection("127.0.0.1",p,limit=1<<20)) for i in range(4))))[3]); v.close()\n  f="echo-%d"%os.getpid(); v=await asyncio.start_unix_server(echo,f,limit=1<<20); print(await client(1,lambda: asyncio.open_unix_connection(f,limit=1<<20))); v.close(); os.unlink(f)\nasyncio.run(main())',
  ),
  python(
    'import socketserver as v, threading, socket\nclass H(v.StreamRequestHandler):\n  def handle(self):\n    for l in self.rfile: self.wfile.write(l[::-1].strip()+b"\\n")\nclass D(v.BaseRequestHandler):\n  def handle(self): d,s=self.request; s.sendto(d.upper(),self.client_address)\nfor k,h in ((v.ForkingTCPServer,H),(v.ThreadingTCPServer,H),(v.UDPServer,D)):\n  with k(("127.0.0.1",0),h) as e:\n    threading.Thread(target=e.serve_forever,args=(0.05,),daemon=True).start()\n    if h is H:\n      with socket.create_connection(e.server_address) as s: s.sendall(b"one\\ntwo\\n"); s.shutdown(1); print(k.__name__,s.makefile("rb").read())\n    else:\n      with socket.socket(type=2) as s: s.sendto(b"datagram",e.server_address); print(k.__name__,s.recv(99))\n    e.shutdown()\nr,w=socket.socketpair(); socket.send_fds(r,[b"fd"],[1]); print(len(socket.recv_fds(w,9,1)[1]))\nprint(socket.if_nameindex()[0], sorted(a[4] for a in socket.getaddrinfo("127.0.0.1",80,type=1)))',
  ),
];

export const NETWORK: readonly Line[] = PYTHON;
