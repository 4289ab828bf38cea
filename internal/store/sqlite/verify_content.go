package sqlite

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"slices"

	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/message"
)

// verifyContents checks some contents against their octets. One that was purged meanwhile is no problem.
func (a *account) verifyContents(ctx context.Context, ids []mail.ContentID, report func(mail.Problem)) error {
	stored := make(map[mail.ContentID]*mail.Digest, len(ids))
	all := mail.ColEnvelope | mail.ColBodyStructure | mail.ColParts | mail.ColHeaders | mail.ColKeys |
		mail.ColPreview
	err := a.Digests(ctx, ids, all, func(i int, d *mail.Digest) error {
		stored[ids[i]] = cloneDigest(d)
		return nil
	})
	if err != nil && mail.KindOf(err) != mail.Corrupt {
		return err
	}
	if err != nil { // one of them is damaged: the others have to be read apart from it
		if len(ids) > 1 {
			return errors.Join(a.verifyContents(ctx, ids[:1], report), a.verifyContents(ctx, ids[1:], report))
		}
		report(mail.Problem{Text: err.Error()})
		return nil
	}
	for _, id := range ids {
		why, err := a.verifyContent(ctx, id, stored[id])
		if err != nil {
			return err
		}
		if why != "" {
			report(mail.Problem{Text: contentItem(id) + ": " + why})
		}
	}
	return nil
}

// cloneDigest is d for keeps; its strings are so already.
func cloneDigest(d *mail.Digest) *mail.Digest {
	c := *d
	c.Envelope, c.BodyStructure = bytes.Clone(d.Envelope), bytes.Clone(d.BodyStructure)
	c.Parts, c.Headers = bytes.Clone(d.Parts), bytes.Clone(d.Headers)
	c.Preview = bytes.Clone(d.Preview)
	c.References = slices.Clone(d.References)
	return &c
}

// verifyContent says what is wrong with a content, "" if nothing.
func (a *account) verifyContent(ctx context.Context, id mail.ContentID, stored *mail.Digest) (why string, err error) {
	var loc location
	var there bool
	var dir string
	err = a.view(ctx, "verify", contentItem(id), func(f *files, c *conn) (err error) {
		dir = f.dir
		loc, there, err = c.locate(id)
		return err
	})
	if err != nil || !there {
		return "", err
	}
	if stored == nil {
		return "its digest is missing", nil
	}
	c, err := a.OpenContent(ctx, id)
	switch {
	case mail.KindOf(err) == mail.NotFound && err != nil:
		return "", nil // purged just now
	case mail.KindOf(err) == mail.Corrupt:
		return err.Error(), nil
	case err != nil:
		return "", err
	}
	if loc.segment > 0 {
		if why := verifyRecord(dir, loc); why != "" {
			return why, c.Close()
		}
	}
	sum := crc32.New(castagnoli)
	_, err = io.Copy(sum, io.NewSectionReader(c, 0, loc.size))
	if err == nil && sum.Sum32() == loc.crc {
		why, err = verifyDigest(c, loc.size, stored)
	} else if err == nil {
		why = "its octets have another checksum than they had"
	}
	return why, errors.Join(err, c.Close())
}

// verifyRecord checks the head of a content's record.
func verifyRecord(dir string, loc location) string {
	file, err := os.Open(segmentPath(dir, loc.segment))
	if err != nil {
		return err.Error()
	}
	defer file.Close()
	var h [recordHead]byte
	if _, err := file.ReadAt(h[:], loc.offset-recordHead); err != nil {
		return "its record cannot be read: " + err.Error()
	}
	if string(h[:4]) != recordMark || binary.LittleEndian.Uint32(h[4:]) != loc.crc ||
		binary.LittleEndian.Uint64(h[8:]) != uint64(loc.size) {
		return "its record has another head"
	}
	return ""
}

// verifyDigest computes the digest anew.
func verifyDigest(c mail.Content, size int64, stored *mail.Digest) (why string, err error) {
	d, err := message.Digest(c, size)
	if err != nil {
		return "", err
	}
	d.Thread = stored.Thread
	switch {
	case !bytes.Equal(d.Envelope, stored.Envelope):
		why = "envelope"
	case !bytes.Equal(d.BodyStructure, stored.BodyStructure):
		why = "body structure"
	case !bytes.Equal(d.Parts, stored.Parts) || d.HeaderSize != stored.HeaderSize:
		why = "parts"
	case !bytes.Equal(d.Headers, stored.Headers):
		why = "headers"
	case d.Keys != stored.Keys || d.MessageID != stored.MessageID || !slices.Equal(d.References, stored.References):
		why = "keys"
	case stored.Preview != nil && !bytes.Equal(d.Preview, stored.Preview):
		why = "preview"
	default:
		return "", nil
	}
	return "another " + why + " than its octets give", nil
}
