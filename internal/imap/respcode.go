package imap

// RespCode is a response code without arguments, or the name of one with arguments. RFC 9051 section 7.1, RFC 5530.
type RespCode string

// The response codes.
const (
	CodeAlert                RespCode = "ALERT"
	CodeAlreadyExists        RespCode = "ALREADYEXISTS"
	CodeAppendUID            RespCode = "APPENDUID" // see AppendAppendUID
	CodeAuthenticationFailed RespCode = "AUTHENTICATIONFAILED"
	CodeAuthorizationFailed  RespCode = "AUTHORIZATIONFAILED"
	CodeBadCharset           RespCode = "BADCHARSET"
	CodeBadComparator        RespCode = "BADCOMPARATOR" // RFC 5255 section 4.9
	CodeBadURL               RespCode = "BADURL"        // see BadURLCode
	CodeCannot               RespCode = "CANNOT"
	CodeCapability           RespCode = "CAPABILITY"
	CodeClientBug            RespCode = "CLIENTBUG"
	CodeClosed               RespCode = "CLOSED"
	CodeContactAdmin         RespCode = "CONTACTADMIN"
	CodeCopyUID              RespCode = "COPYUID" // see AppendCopyUID
	CodeCorruption           RespCode = "CORRUPTION"
	CodeExpired              RespCode = "EXPIRED"
	CodeExpungeIssued        RespCode = "EXPUNGEISSUED"
	CodeHasChildren          RespCode = "HASCHILDREN"
	CodeHighestModSeq        RespCode = "HIGHESTMODSEQ" // RFC 7162 section 3.1.2.1
	CodeInProgress           RespCode = "INPROGRESS"    // see AppendInProgressCode
	CodeInUse                RespCode = "INUSE"
	CodeLimit                RespCode = "LIMIT"
	CodeMailboxID            RespCode = "MAILBOXID"        // RFC 8474 section 4
	CodeMessageLimit         RespCode = "MESSAGELIMIT"     // see MessageLimitCode
	CodeMetadataTooMany      RespCode = "METADATA TOOMANY" // RFC 5464 section 4.3
	CodeModified             RespCode = "MODIFIED"         // RFC 7162 section 3.1.3
	CodeNoModSeq             RespCode = "NOMODSEQ"         // RFC 7162 section 3.1.2.2
	CodeNonexistent          RespCode = "NONEXISTENT"
	CodeNoPerm               RespCode = "NOPERM"
	CodeNotificationOverflow RespCode = "NOTIFICATIONOVERFLOW" // RFC 5465 section 5.8
	CodeNotSaved             RespCode = "NOTSAVED"             // RFC 5182 section 2.1
	CodeOverQuota            RespCode = "OVERQUOTA"
	CodeParse                RespCode = "PARSE"
	CodePermanentFlags       RespCode = "PERMANENTFLAGS"
	CodePrivacyRequired      RespCode = "PRIVACYREQUIRED"
	CodeReadOnly             RespCode = "READ-ONLY"
	CodeReadWrite            RespCode = "READ-WRITE"
	CodeServerBug            RespCode = "SERVERBUG"
	CodeTooBig               RespCode = "TOOBIG" // RFC 7889 section 3.1, RFC 4469 section 4.2
	CodeTooFew               RespCode = "TOOFEW" // RFC 10022
	CodeTryCreate            RespCode = "TRYCREATE"
	CodeUIDNext              RespCode = "UIDNEXT"
	CodeUIDNotSticky         RespCode = "UIDNOTSTICKY"
	CodeUIDRequired          RespCode = "UIDREQUIRED" // RFC 9586 section 3
	CodeUIDValidity          RespCode = "UIDVALIDITY"
	CodeUnavailable          RespCode = "UNAVAILABLE"
	CodeUnknownCTE           RespCode = "UNKNOWN-CTE" // RFC 3516 section 4.3
	CodeUnseen               RespCode = "UNSEEN"      // RFC 3501 section 7.1
	CodeUseAttr              RespCode = "USEATTR"     // RFC 6154 section 6
)
