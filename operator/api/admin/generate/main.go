// generate makes the Go code of proto/admin.proto, with protoc of the system and the plugins that go.mod names.
package main

import (
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const goPackage = "github.com/sluice-cache/sluice/operator/api/admin"

func main() {
	log.SetFlags(0)
	root := filepath.Join("..", "..", "..")
	mapping := "Mproto/admin.proto=" + goPackage
	protoc := exec.Command("protoc", "-I", root,
		"--plugin=protoc-gen-go="+tool("protoc-gen-go"), "--go_out=.", "--go_opt="+mapping, "--go_opt=module="+goPackage,
		"--plugin=protoc-gen-go-grpc="+tool("protoc-gen-go-grpc"), "--go-grpc_out=.", "--go-grpc_opt="+mapping,
		"--go-grpc_opt=module="+goPackage, filepath.Join(root, "proto", "admin.proto"))
	protoc.Stderr = os.Stderr
	if err := protoc.Run(); err != nil {
		log.Fatalf("%v: %v", protoc.Args, err)
	}
}

// tool is the path of a program that go.mod names.
func tool(name string) string {
	path, err := exec.Command("go", "tool", "-n", name).Output()
	if err != nil {
		log.Fatalf("go tool -n %s: %v", name, err)
	}
	return strings.TrimSpace(string(path))
}
