-- Names: 16 in every list, so that the upper four bits of a die pick one. Invented persons get a
-- bokmål, nynorsk or Southern Sámi given name and family name; any likeness is chance.

CREATE TEMP TABLE given (language TEXT, sex TEXT, n INTEGER, name TEXT, PRIMARY KEY (language, sex, n)) WITHOUT ROWID;
CREATE TEMP TABLE family (language TEXT, n INTEGER, name TEXT, PRIMARY KEY (language, n)) WITHOUT ROWID;
INSERT INTO given SELECT 'nb', 'female', key, value FROM json_each('["Anne","Kari","Ingrid","Åse","Bjørg","Solveig","Randi","Marit","Gerd","Tove","Hilde","Sølvi","Ragnhild","Else","Guri","Berit"]');
INSERT INTO given SELECT 'nb', 'male',   key, value FROM json_each('["Ola","Per","Bjørn","Kåre","Øystein","Jørgen","Arne","Håkon","Einar","Terje","Rolf","Pål","Sverre","Trond","Leif","Steinar"]');
INSERT INTO given SELECT 'nn', 'female', key, value FROM json_each('["Gunnvor","Åshild","Torbjørg","Sigrid","Brita","Jorunn","Herborg","Liv","Målfrid","Turid","Eldbjørg","Ingeleiv","Oddny","Guro","Synnøve","Dagrun"]');
INSERT INTO given SELECT 'nn', 'male',   key, value FROM json_each('["Eirik","Sjur","Torgeir","Olav","Gudmund","Åsmund","Knut","Sveinung","Tarjei","Leidulv","Hallvard","Mons","Bård","Oddvar","Ivar","Jostein"]');
INSERT INTO given SELECT 'sma', 'female', key, value FROM json_each('["Maajja","Læjsa","Aanna","Saara","Maarja","Elle","Laara-Marja","Gïrste","Krihke","Åanna","Sïrke","Jååna","Kaarina","Maadtoe","Ïdde","Lïsbeth"]');
INSERT INTO given SELECT 'sma', 'male',   key, value FROM json_each('["Aanta","Jåvva","Laara","Nïlsa","Jaahke","Mïhkkel","Pïere","Tomas","Klemme","Åanta","Sjul","Aanders","Jonar","Læjvva","Fïnne","Pååvele"]');
INSERT INTO family SELECT 'nb',  key, value FROM json_each('["Hansen","Johansen","Aune","Brønstad","Haugan","Sæther","Bjørnes","Rønning","Sørli","Østerås","Kjærstad","Lunde","Moen","Børstad","Grønnesby","Nygård"]');
INSERT INTO family SELECT 'nn',  key, value FROM json_each('["Øverland","Bjørkås","Skjærvold","Vestrheim","Tveiten","Brekke","Løvås","Åsheim","Heimdal","Furuset","Kvåle","Myrmæl","Storøygard","Lidal","Sørgard","Elvebø"]');
INSERT INTO family SELECT 'sma', key, value FROM json_each('["Jåma","Dærga","Bientie","Kappfjell","Åhrén","Märak","Westerfjell","Dunfjeld","Appfjell","Barruk","Jåvnes","Gaebpien","Njåarke","Sjåkelie","Stïentjen","Vaerien"]');

CREATE TEMP TABLE street (n INTEGER PRIMARY KEY, name TEXT);
INSERT INTO street SELECT key, value FROM json_each('["Kirkevegen","Skolegata","Elvevegen","Åsvegen","Sjøgata","Stasjonsvegen","Bjørkvegen","Øvregata","Fjordvegen","Granvegen","Møllevegen","Snåsavegen","Bruvegen","Lyngvegen","Gamle Kongeveg","Gïejegaskeme"]');
CREATE TEMP TABLE postal (municipality TEXT PRIMARY KEY, code TEXT) WITHOUT ROWID;
INSERT INTO postal VALUES ('1702', '7715'), ('1729', '7670'), ('1724', '7790'), ('1736', '7760'), ('1723', '7690');
CREATE TEMP TABLE reason (n INTEGER PRIMARY KEY, name TEXT);
INSERT INTO reason SELECT key, value FROM json_each('["Pustevansker ved anstrengelse","Fall i heimen, treng opptrening","Brystsmerter siste uke","Regulering av blodsukker","Sår som ikke gror","Svimmelhet, nedsatt allmenntilstand","Etter hofteoperasjon","Nedsett syn og hørsel","Kontroll av nyrefunksjon","Smertelindring","Depressive plager","Vektreduksjon, matlyst borte","Rehabilitering etter hjerneslag","Uro og søvnvansker","Forverring av KOLS","Avlastning og observasjon"]');

-- The records: one transaction from here to the last line.
BEGIN IMMEDIATE;
