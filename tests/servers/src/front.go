// The front in Go: plain, over TLS, with certificates of the clients, and with what a server may do between and before responses.
package main

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"
)

func serve(port string, handler http.Handler, configure func(*http.Server)) {
	server := &http.Server{Addr: "127.0.0.1:" + port, Handler: handler}
	configure(server)
	if server.TLSConfig != nil {
		go server.ListenAndServeTLS("@FOLDER@/good.pem", "@FOLDER@/good.pem")
	} else {
		go server.ListenAndServe()
	}
}

func listen(port string, answer string) {
	listener, _ := net.Listen("tcp", "127.0.0.1:"+port)
	for {
		connection, err := listener.Accept()
		if err != nil {
			return
		}
		connection.Write([]byte(answer))
		if answer != "" {
			connection.Close()
		}
	}
}

func main() {
	service, _ := url.Parse("http://@DIRECT@")
	proxy := httputil.NewSingleHostReverseProxy(service)
	hints := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(103)
		proxy.ServeHTTP(w, r)
	})
	mutual := func(newest uint16) func(*http.Server) {
		return func(server *http.Server) {
			server.TLSConfig = &tls.Config{ClientAuth: tls.RequireAnyClientCert, MaxVersion: newest}
		}
	}
	serve("@g-plain@", proxy, func(*http.Server) {})
	serve("@g-tls@", proxy, func(server *http.Server) { server.TLSConfig = &tls.Config{} })
	serve("@g-mutual@", proxy, mutual(tls.VersionTLS13))
	serve("@g-mutual12@", proxy, mutual(tls.VersionTLS12))
	serve("@g-idle@", proxy, func(server *http.Server) { server.IdleTimeout = 20 * time.Millisecond })
	serve("@g-hints@", hints, func(*http.Server) {})
	go listen("@g-silent@", "")
	listen("@g-banner@", "220 mail.test ESMTP ready\r\n")
}
