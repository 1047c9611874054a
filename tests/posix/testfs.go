// testfs DIRECTORY NAME... runs the checks of Go's testing/fstest on a directory: every name is found by every way of
// finding it, attributes agree wherever they are given, and each file reads the same whole, in odd pieces, after seeks
// and at once by several readers. It also takes names that must be there.
package main

import (
	"fmt"
	"os"
	"testing/fstest"
)

func main() {
	if err := fstest.TestFS(os.DirFS(os.Args[1]), os.Args[2:]...); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
