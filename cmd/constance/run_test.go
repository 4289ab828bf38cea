package main

import (
	"os"
	"testing"
)

// runEnv makes this test binary the program itself.
const runEnv = "CONSTANCE_TEST_RUN"

func TestMain(m *testing.M) {
	if os.Getenv(runEnv) != "" {
		main()
	}
	os.Exit(m.Run())
}
