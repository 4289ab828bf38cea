package message

import (
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"
)

// charsets are the names that the index of HTML does not know or means something else by.
var charsets = map[string]encoding.Encoding{
	"utf-7":               utf7{},
	"utf7":                utf7{},
	"unicode-1-1-utf-7":   utf7{},
	"x-unicode-2-0-utf-7": utf7{},
	"utf-16":              unicode.UTF16(unicode.BigEndian, unicode.UseBOM), // RFC 2781 section 4.3
	"utf-32":              utf32.UTF32(utf32.BigEndian, utf32.UseBOM),
	"utf-32be":            utf32.UTF32(utf32.BigEndian, utf32.IgnoreBOM),
	"utf-32le":            utf32.UTF32(utf32.LittleEndian, utf32.IgnoreBOM),
	"cp932":               japanese.ShiftJIS,
	"ms932":               japanese.ShiftJIS,
	"cp51932":             japanese.EUCJP,
	"eucjp-ms":            japanese.EUCJP,
	"x-euc-jp":            japanese.EUCJP,
	"iso-2022-jp-1":       japanese.ISO2022JP,
	"iso-2022-jp-2":       japanese.ISO2022JP,
	"iso-2022-jp-3":       japanese.ISO2022JP,
	"iso-2022-jp-ms":      japanese.ISO2022JP,
	"cp50220":             japanese.ISO2022JP,
	"cp50221":             japanese.ISO2022JP,
	"iso-2022-kr":         iso2022kr{},
	"cp949":               korean.EUCKR,
	"uhc":                 korean.EUCKR,
	"x-windows-949":       korean.EUCKR,
	"hz-gb-2312":          simplifiedchinese.HZGB2312,
	"hz":                  simplifiedchinese.HZGB2312,
	"cp936":               simplifiedchinese.GBK,
	"ms936":               simplifiedchinese.GBK,
	"euc-cn":              simplifiedchinese.GBK,
	"gb_2312":             simplifiedchinese.GBK,
	"cp950":               traditionalchinese.Big5,
	"ms950":               traditionalchinese.Big5,
	"cp437":               charmap.CodePage437,
	"ibm437":              charmap.CodePage437,
	"cp850":               charmap.CodePage850,
	"ibm850":              charmap.CodePage850,
	"cp852":               charmap.CodePage852,
	"ibm852":              charmap.CodePage852,
	"cp858":               charmap.CodePage858,
	"cp862":               charmap.CodePage862,
	"cp865":               charmap.CodePage865,
	"ibm866":              charmap.CodePage866,
	"cp866":               charmap.CodePage866,
	"ansi_x3.110-1983":    charmap.ISO8859_1,
	"iso8859_1":           charmap.Windows1252,
	"iso_8859_1":          charmap.Windows1252,
	"8859_1":              charmap.Windows1252,
	"latin-1":             charmap.Windows1252,
	"646":                 charmap.Windows1252,
	"us_ascii":            charmap.Windows1252,
	"usascii":             charmap.Windows1252,
}

// Charset is the encoding of that name, as messages use it: case and surrounding quotes do not matter. Names for
// ISO 8859-1 and ASCII mean windows-1252, which contains them. false if there is none.
func Charset(name string) (encoding.Encoding, bool) {
	if len(name) > 64 {
		return nil, false
	}
	name = strings.ToLower(strings.Trim(name, " \t\"'"))
	if e, ok := charsets[name]; ok {
		return e, true
	}
	e, err := htmlindex.Get(name)
	if err != nil || e == nil || e == encoding.Replacement { // which stands for some that it refuses to decode
		if n, ok := strings.CutPrefix(name, "x-"); ok && n != "" {
			return Charset(n)
		}
		return nil, false
	}
	return e, true
}
