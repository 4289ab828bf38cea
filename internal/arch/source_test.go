package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/constance-mail/constance/"

// source is one Go file of the repository.
type source struct {
	path string // from the root of the repository
	pkg  string // its directory from there
	test bool
	file *ast.File
	set  *token.FileSet
}

// imports are the paths that a file imports.
func (s *source) imports() []string {
	var out []string
	for _, i := range s.file.Imports {
		path, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			continue // the parser lets no such import pass
		}
		out = append(out, path)
	}
	return out
}

// line is a place in a file.
func (s *source) line(p token.Pos) string {
	return s.path + ":" + strconv.Itoa(s.set.Position(p).Line)
}

// root is the top of the repository.
func root(t testing.TB) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// sources parses all Go files.
func sources(t testing.TB) []*source {
	t.Helper()
	top := root(t)
	var out []*source
	for _, dir := range []string{"cmd", "internal"} {
		err := filepath.WalkDir(filepath.Join(top, dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
				if err == nil && d.IsDir() && d.Name() == "testdata" {
					return fs.SkipDir
				}
				return err
			}
			rel, err := filepath.Rel(top, path)
			if err != nil {
				return err
			}
			s := &source{path: rel, pkg: filepath.Dir(rel), test: strings.HasSuffix(rel, "_test.go"), set: token.NewFileSet()}
			s.file, err = parser.ParseFile(s.set, path, nil, parser.ParseComments|parser.SkipObjectResolution)
			out = append(out, s)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(out) < 50 {
		t.Fatalf("only %d files found: the walk looks in the wrong place", len(out))
	}
	return out
}
