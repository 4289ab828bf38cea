package cron

import (
	"errors"
	"strings"
	"testing"
)

// P32: each way to write a field, and the times that it means, in the words of String.
func TestP32_Fields(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"* * * * *", "* * * * *"},
		{"0 0 1 1 0", "0 0 1 1 0"},
		{"03 04 05 06 07", "3 4 5 6 0"},
		{"1,3 * * * *", "1,3 * * * *"},
		{"2-4,6-7,9 * * * *", "2-4,6-7,9 * * * *"},
		{"9,2-4,3 * * * *", "2-4,9 * * * *"},
		{"59 23 31 12 6", "59 23 31 12 6"},
		{"0-59 0-23 1-31 1-12 0-6", "* * * * *"},
		// a step keeps multiples, it does not count from the beginning of the range
		{"*/5 * * * *", "0,5,10,15,20,25,30,35,40,45,50,55 * * * *"},
		{"5-15/2 * * * *", "6,8,10,12,14 * * * *"},
		{"0-2,5-6,7-23/3 * * * *", "0-2,5-6,9,12,15,18,21 * * * *"},
		{"*/1 */1 */1 */1 */1", "* * * * *"},
		{"* */5 * * *", "* 0,5,10,15,20 * * *"},
		{"* * */5 * *", "* * 5,10,15,20,25,30 * *"},
		{"* * 5-15/2 * *", "* * 6,8,10,12,14 * *"},
		{"* * * */3 *", "* * * 3,6,9,12 *"},
		{"* * * */7 *", "* * * 7 *"},
		{"* * * * */2", "* * * * 0,2,4,6"},
		{"* * * * */7", "* * * * 0"},
		{"* * * * 2-7/2", "* * * * 2,4,6"},
		{"* * * * 0,2-6/3", "* * * * 0,3,6"},
		{"6/3 * * * *", "6 * * * *"},
		{"*/2/3 * * * *", "0,6,12,18,24,30,36,42,48,54 * * * *"},
		{"7/2 * * * *", "1/2 * * * *"}, // nothing
		{"* * */63 * *", "* * 1/2 * *"},
		// 0 is the last day, and the last month; 7 is Sunday
		{"* * 0 * *", "* * 31 * *"},
		{"* * 0-2 * *", "* * 1-2,31 * *"},
		{"* * 0-31/10 * *", "* * 10,20,30-31 * *"},
		{"* * * 0 *", "* * * 12 *"},
		{"* * * * 5-7", "* * * * 0,5-6"},
		{"* * * * 0-7", "* * * * *"},
		{"* * * * 7,1", "* * * * 0-1"},
		{"* * * jan *", "* * * 1 *"},
		{"* * * DEC *", "* * * 12 *"},
		{"* * * * sun", "* * * * 0"},
		{"* * * * Sat", "* * * * 6"},
		{"0\t4 \t *  * *", "0 4 * * *"},
	} {
		s, err := Parse(c.text)
		if err != nil {
			t.Errorf("%q: %v", c.text, err)
		} else if got := s.String(); got != c.want {
			t.Errorf("%q means %q, want %q", c.text, got, c.want)
		}
	}
}

// Every name stands for its number.
func TestNames(t *testing.T) {
	for k := range fields {
		f := &fields[k]
		for n, name := range strings.Fields(f.names) {
			words := []string{"*", "*", "*", "*", "*"}
			words[k] = name
			s, err := Parse(strings.Join(words, " "))
			if err != nil || s.set[k] != 1<<(f.min+n) {
				t.Errorf("%s: %+v, %v", name, s, err)
			}
		}
	}
}

// P32: each fault, where it is, and Cyrus's words for it.
func TestP32_Faults(t *testing.T) {
	for _, c := range []struct {
		text string
		col  int
		want string
	}{
		{"", 1, "syntax error"},
		{" * * * * *", 1, "syntax error"},
		{"* * * * * ", 10, "syntax error: nothing may follow"},
		{"* * * *", 8, "syntax error: a blank and the days of week"},
		{"* * * * * *", 10, "syntax error"},
		{"bogus", 1, "syntax error"},
		{"60 * * * *", 1, "minutes out of range"},
		{"65-70 * * * *", 1, "value out of range"},
		{"0-64 * * * *", 3, "value out of range"},
		{"99999999999999999999999 * * * *", 1, "value out of range"},
		{"0-60 * * * *", 1, "minutes out of range"},
		{"0-60/5 * * * *", 1, "minutes out of range"},
		{"15-2 * * * *", 1, "range back to front"},
		{"* 24 * * *", 3, "hours out of range"},
		{"* * 32 * *", 5, "days of month out of range"},
		{"* * * 13 *", 7, "months out of range"},
		{"* * * * 8", 9, "days of week out of range"},
		{"* * * * 1,2,8", 13, "days of week out of range"},
		{"* * * * 7-2", 9, "range back to front"},
		{"*/0 * * * *", 3, "step of 0"},
		{"* * * * 1-5/0", 13, "step of 0"},
		{"*/64 * * * *", 3, "value out of range"},
		{"*/ * * * *", 3, "syntax error: a number"},
		{"1- * * * *", 3, "syntax error: a number"},
		{"-1 * * * *", 1, "syntax error: a number"},
		{"1,,2 * * * *", 3, "syntax error: a number"},
		{", * * * *", 1, "syntax error: a number"},
		{"** * * * *", 2, "syntax error"},
		{"1-2-3 * * * *", 4, "syntax error"},
		{"1 * * cat *", 7, "syntax error"},
		{"1 * * sun *", 7, "syntax error"},
		{"1 * * * jan", 9, "syntax error"},
		{"jan * * * *", 1, "syntax error"},
		{"1 * * jan,feb *", 10, "syntax error"},
		{"1 * * jan-mar *", 10, "syntax error"},
		{"1 * * 1,feb *", 9, "syntax error"},
		{"1 * * * sat,sun", 12, "syntax error"},
		{"1 * * * sunday", 12, "syntax error"},
		{"1 * * * su", 9, "syntax error"},
		{"1\n* * * *", 2, "syntax error"},
	} {
		_, err := Parse(c.text)
		var e *Error
		if !errors.As(err, &e) || e.Col != c.col || !strings.HasPrefix(e.Msg, c.want) {
			t.Errorf("%q: %v, want column %d: %s", c.text, err, c.col, c.want)
		}
	}
}

// P32: what a crontab(5) would mean otherwise is told.
func TestP32_Oddities(t *testing.T) {
	for _, c := range []struct {
		text string
		want string
	}{
		{"*/5 */2 * * */3", ""},
		{"0-30/10 4 1,15 * 5", ""},
		{"5-55/10 * * * *", "column 1: '5-55/10' means the multiples of 10, it does not count from 5"},
		{"0 4 */5 * *", "column 5: '*/5' means the multiples of 5, it does not count from 1"},
		{"0 4 * 1,2-12/3 *", "column 9: '2-12/3' means the multiples of 3, it does not count from 2"},
		{"7/2 * * * *", "column 1: '7/2' means the multiples of 2, it does not count from 7"},
		{"*/0 * * * *", ""}, // a fault, not an oddity
	} {
		var all []string
		for _, e := range Oddities(c.text) {
			all = append(all, e.Error())
		}
		if got := strings.Join(all, "\n"); got != c.want {
			t.Errorf("%q: %s, want %s", c.text, got, c.want)
		}
	}
}

func TestEqual(t *testing.T) {
	parse := func(text string) *Spec {
		s, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	if !parse("0 4 * * *").Equal(Daily(4, 0)) || !parse("0 0 * * 7").Equal(parse("0 0 * * sun")) {
		t.Error("the same times are not equal")
	}
	if Daily(4, 0).Equal(Daily(4, 1)) || Daily(4, 0).Equal(nil) || (*Spec)(nil).Equal(Daily(4, 0)) {
		t.Error("other times are equal")
	}
	if !(*Spec)(nil).Equal(nil) {
		t.Error("nothing is not nothing")
	}
}

// FuzzParse: a text is refused with a place in it, or means the same when it is written and read again.
func FuzzParse(f *testing.F) {
	f.Add("*/5 0-23/2 1,15 jan sun")
	f.Add("0 4 0 0 7")
	f.Add("7/2 */2/3 31 2 1-5")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(text)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Col < 1 || e.Col > len(text)+1 || e.Msg == "" {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		again, err := Parse(s.String())
		if err != nil || !again.Equal(s) {
			t.Errorf("%q became %q: %v", text, s, err)
		}
	})
}
