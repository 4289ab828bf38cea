package arch

import (
	"fmt"
	"go/ast"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestNoInit(t *testing.T) {
	for _, s := range sources(t) {
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s: an init function: nothing runs before main; use a constructor", s.line(f.Pos()))
			}
		}
	}
}

func TestTodosHaveAnIssue(t *testing.T) {
	for _, s := range sources(t) {
		for _, g := range s.file.Comments {
			for _, c := range g.List {
				if i := strings.Index(c.Text, "TODO"); i >= 0 && !strings.HasPrefix(c.Text[i:], "TODO(#") && !strings.Contains(c.Text, "TODO has") {
					t.Errorf("%s: a bare TODO: write TODO(#issue): ...", s.line(c.Pos()))
				}
			}
		}
	}
}

// Every exported name has a comment, and every package a text about itself.
func TestExportedNamesAreDocumented(t *testing.T) {
	documented, first := map[string]bool{}, map[string]string{}
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		first[s.pkg] = s.path
		if s.file.Doc != nil {
			documented[s.pkg] = true
		}
		for _, d := range s.file.Decls {
			for name, pos := range undocumented(d) {
				t.Errorf("%s: %s has no comment", s.line(pos), name)
			}
		}
	}
	for pkg, file := range first {
		if !documented[pkg] {
			t.Errorf("%s: package %s has no comment", file, pkg)
		}
	}
}

// undocumented are the exported names of a declaration that nothing is said about. Methods of unexported types are not
// counted, nor are those that fmt, errors and encoding packages call by their well-known names.
func undocumented(d ast.Decl) map[string]token.Pos {
	out := map[string]token.Pos{}
	switch d := d.(type) {
	case *ast.FuncDecl:
		known := map[string]bool{"String": true, "Error": true, "Unwrap": true, "Len": true, "Less": true, "Swap": true, "Is": true}
		if d.Name.IsExported() && d.Doc == nil && (d.Recv == nil || receiverExported(d) && !known[d.Name.Name]) {
			out[d.Name.Name] = d.Pos()
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				if spec.Name.IsExported() && d.Doc == nil && spec.Doc == nil && spec.Comment == nil {
					out[spec.Name.Name] = spec.Pos()
				}
			case *ast.ValueSpec:
				for _, n := range spec.Names {
					if n.IsExported() && d.Doc == nil && spec.Doc == nil && spec.Comment == nil {
						out[n.Name] = n.Pos()
					}
				}
			}
		}
	}
	return out
}

func receiverExported(f *ast.FuncDecl) bool {
	t := f.Recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.Ident:
			return x.IsExported()
		default:
			return false
		}
	}
}

// The number of a decision is its own: in the name of its file and in its title.
func TestDecisionsAreNumbered(t *testing.T) {
	files, err := filepath.Glob("../../docs/decisions/*.md")
	if err != nil || len(files) == 0 {
		t.Fatalf("no decisions: %v", err)
	}
	for i, path := range files {
		name := filepath.Base(path)
		if want := fmt.Sprintf("%03d-", i+1); !strings.HasPrefix(name, want) {
			t.Fatalf("%s: the next number is %s", name, want)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("# %d. ", i+1); !strings.HasPrefix(string(text), want) {
			t.Errorf("%s: the title does not begin with %q", name, want)
		}
	}
}
